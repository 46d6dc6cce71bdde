/**
 * Scans a journal as any reader does, every checksum included, and walks over the messages of each body.
 *
 *   node bench/subjects/scan-journal.ts DIRECTORY
 */
import { systemClock } from '../../src/foundation/clock.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { openJournalReader } from '../../src/journal/embedded/open-journal-reader.ts';
import { sequenceZero } from '../../src/model/position.ts';

const [directory = ''] = process.argv.slice(2);
await using reader = await openJournalReader({ directory, disk: nodeDisk, clock: systemClock });
const startedAt = performance.now();
let rows = 0;
for await (const entries of reader.read({ after: sequenceZero, follow: false })) {
  for (const entry of entries) if (entry.kind === 'fragment') rows += countRows(entry.body);
}
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows, seconds })}\n`);

/** Insert, update or delete in a CopyData message with XLogData. */
function countRows(body: Uint8Array): number {
  let count = 0;
  for (let offset = 0; offset < body.length; offset += 1 + readUint32(body, offset + 1)) {
    const tag = body[offset + 30];
    if (tag === 0x49 || tag === 0x55 || tag === 0x44) count += 1;
  }
  return count;
}

/** Without a view for each body: that is the program's own work, not the reader's. */
function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return high * 0x1_0000 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
}
