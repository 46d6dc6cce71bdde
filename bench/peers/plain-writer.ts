/**
 * What the disk gives: writes as many bytes as the journal does, each transaction a buffer of its own, one `writev` and one
 * `fdatasync` a group, into one file. Checks nothing, counts nothing, frames nothing.
 *
 *   node bench/peers/plain-writer.ts FILE GROUPS RECORDS_PER_TRANSACTION
 */
import { fdatasync, writev } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

import { recordsPerGroup, transactionByteCount } from '../workload/journal-records.ts';

const [path = '', groups = '0', perTransaction = '1'] = process.argv.slice(2);
const groupCount = Number(groups);
const transactionRecordCount = Number(perTransaction);
const transactionBytes = transactionByteCount(transactionRecordCount);
const transactionCount = recordsPerGroup / transactionRecordCount;
const groupBytes = transactionCount * transactionBytes;
const bytes = Buffer.alloc(groupBytes, 'x');
const transactions = Array.from({ length: transactionCount }, (_, index) =>
  bytes.subarray(index * transactionBytes, (index + 1) * transactionBytes),
);
const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);

await using file = await open(path, 'wx');
const startedAt = performance.now();
for (let group = 0; group < groupCount; group += 1) {
  const { bytesWritten } = await writevAsync(file.fd, transactions, group * groupBytes);
  if (bytesWritten !== groupBytes) throw new Error(`${bytesWritten} of ${groupBytes} bytes were written`);
  await fdatasyncAsync(file.fd);
}
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: groupCount * recordsPerGroup, seconds })}\n`);
