/**
 * The physical limit of reading a slot: reads with the pauses that Headwater makes under a flood, frames and counts the messages, throws
 * them away, and acknowledges once a second. Ends at the given number of commits. A program of its own, so that its memory
 * and CPU are its own.
 *
 *   node bench/peers/bare-reader.ts URL SLOT PUBLICATION COMMITS
 */
import { readSlot } from './slot-reader.ts';

const [url = '', slot = '', publication = '', commits = '0'] = process.argv.slice(2);
const wanted = Number(commits);

let rowCount = 0;
let commitCount = 0;
let lastEnd = 0n;

await readSlot({
  url,
  slot,
  publication,
  pauseMs: 32,
  acknowledgedLsn: () => lastEnd,
  message(buffer, offset) {
    const tag = buffer[offset];
    if (tag === 0x49 || tag === 0x55 || tag === 0x44) rowCount += 1;
    if (tag === 0x43) {
      commitCount += 1;
      lastEnd = buffer.readBigUInt64BE(offset + 10);
    }
  },
  readEnded() {
    if (commitCount >= wanted) finish();
  },
});
const startedAt = performance.now();

function finish(): void {
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(`${JSON.stringify({ rows: rowCount, commits: commitCount, seconds })}\n`);
  process.exit(0);
}
