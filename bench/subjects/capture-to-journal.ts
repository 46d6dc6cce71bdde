/**
 * Our side of the capture benchmark: a whole Headwater without sinks, as its users run it. The clock runs from the start of
 * the stream to the moment when the last transaction is flushed in the journal.
 *
 *   node bench/subjects/capture-to-journal.ts URL SLOT PUBLICATION COMMITS ROWS DIRECTORY
 */
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';

const [url = '', slot = '', publication = '', commits = '0', rows = '0', directory = ''] = process.argv.slice(2);
let startedAt = Number.NaN;

await nodeDisk.makeDirectory(directory);
await using headwater = await startHeadwater({
  source: { url, slot, publication, create: 'never', canaryIntervalMs: false, snapshot: false },
  journal: { directory },
  http: false,
  logger: benchLogger('source streams', () => {
    startedAt = performance.now();
  }),
});
await headwater.waitForSequence(BigInt(commits));
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: Number(rows), commits: Number(commits), seconds })}\n`);
