/**
 * Appends records of 296 bytes to a journal on the machine's disk and flushes behind every thousand of them, as a whole; the
 * next thousand are appended while a flush is under way, as capture does.
 *
 *   node bench/subjects/append-to-journal.ts DIRECTORY GROUPS RECORDS_PER_TRANSACTION
 */
import { openBenchJournal, openBenchWriter, TransactionAppender } from '../workload/filled-journal.ts';
import { createRecords, recordByteCount, recordsPerGroup } from '../workload/journal-records.ts';

const [directory = '', groups = '0', perTransaction = '1'] = process.argv.slice(2);
const groupCount = Number(groups);
const records = createRecords();

await using journal = await openBenchJournal(directory);
await using writer = await openBenchWriter(journal);
const appender = new TransactionAppender(writer);
const startedAt = performance.now();
let flushing: Promise<unknown> = Promise.resolve();
for (let group = 0; group < groupCount; group += 1) {
  appender.append(records, recordByteCount, Number(perTransaction));
  await flushing;
  flushing = writer.flush();
}
await flushing;
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: groupCount * recordsPerGroup, seconds })}\n`);
