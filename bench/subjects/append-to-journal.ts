/**
 * Appends records of 296 bytes to a journal on the machine's disk and flushes behind every thousand of them, as a whole; the
 * next thousand are appended while a flush is under way, as capture does.
 *
 *   node bench/subjects/append-to-journal.ts DIRECTORY GROUPS RECORDS_PER_TRANSACTION
 */
import { systemClock } from '../../src/foundation/clock.ts';
import { silentLogger } from '../../src/foundation/logger.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import { openJournal } from '../../src/journal/embedded/open-journal.ts';
import { type Lsn, lsnZero, toLsn } from '../../src/model/lsn.ts';
import { createRecords, recordByteCount, recordsPerGroup } from '../workload/journal-records.ts';

const [directory = '', groups = '0', perTransaction = '1'] = process.argv.slice(2);
const groupCount = Number(groups);
const transactionRecordCount = Number(perTransaction);
const records = createRecords();

await using journal = await openJournal({
  directory,
  disk: nodeDisk,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  otherReaders: 'none',
});
await using writer = await journal.openWriter();
writer.recordSource(
  {
    systemId: '1',
    timeline: 1,
    databaseName: 'bench',
    databaseOid: 1,
    slotName: 'bench',
    publicationNames: ['bench'],
    publicationOids: [1],
    sessionSettings: {},
    tables: [],
    uncopiedTables: [],
  },
  lsnZero,
  'initial',
);
await writer.flush();

let xid = 0;
let lsn = 0n;
const startedAt = performance.now();
let flushing: Promise<unknown> = Promise.resolve();
for (let group = 0; group < groupCount; group += 1) {
  appendGroup();
  await flushing;
  flushing = writer.flush();
}
await flushing;
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: groupCount * recordsPerGroup, seconds })}\n`);

function appendGroup(): void {
  for (let start = 0; start < recordsPerGroup; start += transactionRecordCount) {
    xid += 1;
    const boundary = { xid, commitLsn: nextLsn(), commitEndLsn: nextLsn(), commitTimeMicros: BigInt(xid) };
    const body = [records.subarray(start * recordByteCount, (start + transactionRecordCount) * recordByteCount)];
    writer.appendTransaction(boundary, { encoding: 'pgoutput-copy/1', body, messageCount: transactionRecordCount }, []);
  }
}

function nextLsn(): Lsn {
  lsn += 8n;
  return toLsn(lsn);
}
