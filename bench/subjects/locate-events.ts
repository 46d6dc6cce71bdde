/**
 * Fills a journal with single-event transactions, lets it make its indexes, and looks up events by id, one behind the other,
 * at random places; every tenth is one that the journal does not hold.
 *
 *   node bench/subjects/locate-events.ts DIRECTORY BYTES LOOKUPS
 */
import { createSeededRandom } from '../../src/foundation/random.ts';
import { summarizeLatencies } from '../measure/percentiles.ts';
import { createEventMessages, eventId, eventMessageByteCount } from '../workload/event-messages.ts';
import { cutTransactions, openBenchJournal, openBenchWriter, TransactionAppender } from '../workload/filled-journal.ts';
import { recordsPerGroup, transactionOverheadBytes } from '../workload/journal-records.ts';

const [directory = '', bytes = '0', lookups = '0'] = process.argv.slice(2);
const groupBytes = recordsPerGroup * (eventMessageByteCount + transactionOverheadBytes);
const groupCount = Math.max(1, Math.ceil(Number(bytes) / groupBytes));
const eventCount = groupCount * recordsPerGroup;

await using journal = await openBenchJournal(directory);
{
  await using writer = await openBenchWriter(journal);
  const appender = new TransactionAppender(writer);
  for (let group = 0; group < groupCount; group += 1) {
    const messages = createEventMessages(group * recordsPerGroup, recordsPerGroup);
    appender.append(cutTransactions(messages, eventMessageByteCount, 1));
    await writer.flush();
  }
}
const fillEnd = performance.now();
await journal.search.refresh();
const refreshSeconds = (performance.now() - fillEnd) / 1000;
// The first look-up also reads what the open segment holds.
await journal.search.locateEvent(eventId(0));

const random = createSeededRandom(1);
const heldMs: number[] = [];
const absentMs: number[] = [];
const startedAt = performance.now();
for (let lookup = 0; lookup < Number(lookups); lookup += 1) {
  const number = Math.floor(random.next() * eventCount);
  const isHeld = lookup % 10 !== 0;
  const beganAt = performance.now();
  const sequence = await journal.search.locateEvent(eventId(isHeld ? number : number + eventCount));
  (isHeld ? heldMs : absentMs).push(performance.now() - beganAt);
  const expected = isHeld ? BigInt(number + 1) : undefined;
  if (sequence !== expected) throw new Error(`event ${number} was found at ${sequence}, not at ${expected}`);
}
const seconds = (performance.now() - startedAt) / 1000;
const { byteCount } = await journal.reader.extent();
process.stdout.write(
  `${JSON.stringify({
    rows: Number(lookups),
    seconds,
    eventCount,
    byteCount,
    indexSeconds: refreshSeconds,
    held: summarizeLatencies(heldMs),
    absent: summarizeLatencies(absentMs),
  })}\n`,
);
