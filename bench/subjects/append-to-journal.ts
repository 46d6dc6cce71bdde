/**
 * Appends records of 296 bytes to a journal on the machine's disk and flushes behind every thousand of them, as a whole; the
 * next thousand are appended while a flush is under way, as capture does: so many at once as one read of a socket brings, and
 * then the loop turns, which is when a flush gets on. Cutting the records into transactions is left out, as it is for the peer.
 *
 *   node bench/subjects/append-to-journal.ts DIRECTORY GROUPS RECORDS_PER_TRANSACTION
 */
import { setImmediate } from 'node:timers/promises';

import { cutTransactions, openBenchJournal, openBenchWriter, TransactionAppender } from '../workload/filled-journal.ts';
import { createRecords, recordByteCount, recordsPerGroup } from '../workload/journal-records.ts';

const [directory = '', groups = '0', perTransaction = '1'] = process.argv.slice(2);
const groupCount = Number(groups);
const transactions = cutTransactions(createRecords(), recordByteCount, Number(perTransaction));
/** About 64 KiB. */
const transactionsPerRead = Math.ceil(220 / Number(perTransaction));

await using journal = await openBenchJournal(directory);
await using writer = await openBenchWriter(journal);
const appender = new TransactionAppender(writer);
const startedAt = performance.now();
let flushing: Promise<unknown> = Promise.resolve();
for (let group = 0; group < groupCount; group += 1) {
  for (let start = 0; start < transactions.length; start += transactionsPerRead) {
    appender.append(transactions.slice(start, start + transactionsPerRead));
    await setImmediate();
  }
  await flushing;
  flushing = writer.flush();
}
await flushing;
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: groupCount * recordsPerGroup, seconds })}\n`);
