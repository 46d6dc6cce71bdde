/**
 * Our side of the snapshot benchmark: a whole Headwater without sinks, as its users run it, on a table that is full. The clock
 * runs from the start of the stream to the moment when the last chunk is flushed in the journal.
 *
 *   node bench/subjects/snapshot-to-journal.ts URL SLOT PUBLICATION DIRECTORY
 */
import { setTimeout } from 'node:timers/promises';

import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';

const [url = '', slot = '', publication = '', directory = ''] = process.argv.slice(2);
const pollMs = 25;
let startedAt = Number.NaN;

await nodeDisk.makeDirectory(directory);
await using headwater = await startHeadwater({
  source: { url, slot, publication, canaryIntervalMs: false },
  journal: { directory },
  http: false,
  logger: benchLogger('source streams', () => {
    startedAt = performance.now();
  }),
});
let { source } = await headwater.status();
while (source.incompleteTables.length > 0) {
  await setTimeout(pollMs);
  ({ source } = await headwater.status());
}
const seconds = (performance.now() - startedAt) / 1000;
const rows = source.copies.reduce((sum, { rowCount }) => sum + rowCount, 0);
process.stdout.write(`${JSON.stringify({ rows, seconds })}\n`);
