/**
 * Our side of the end-to-end benchmark: a whole Headwater with a Kafka lane. The clock runs from the start of the stream to
 * the moment when Kafka has acknowledged the last row.
 *
 *   node bench/subjects/slot-to-kafka.ts URL SLOT PUBLICATION COMMITS DIRECTORY BROKERS TOPIC
 */
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';

const [url = '', slot = '', publication = '', commits = '0', directory = '', brokers = '', topic = ''] =
  process.argv.slice(2);
let startedAt = Number.NaN;

await nodeDisk.makeDirectory(directory);
await using headwater = await startHeadwater({
  source: { url, slot, publication, create: 'never', canaryIntervalMs: false, snapshot: false },
  journal: { directory },
  lanes: { [topic]: { sink: kafkaSink({ brokers, topic }) } },
  http: false,
  logger: benchLogger('source streams', () => {
    startedAt = performance.now();
  }),
});
await headwater.waitForSequence(BigInt(commits));
await headwater.drain();
const seconds = (performance.now() - startedAt) / 1000;
const rows = headwater.lane(topic).status().deliveredCount;
process.stdout.write(`${JSON.stringify({ rows, seconds })}\n`);
