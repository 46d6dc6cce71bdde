/**
 * Our side of the lane benchmark: a Kafka lane behind a filled journal, put together as the service does it, without a source.
 * The clock runs from the moment when the lane delivers to the last acknowledgement.
 *
 *   node bench/subjects/lane-to-kafka.ts DIRECTORY BROKERS TOPIC
 */
import { createPgoutputDecoder } from '../../src/capture/postgres/pgoutput/pgoutput-decoder.ts';
import { JournalTail } from '../../src/delivery/journal-tail.ts';
import { noCopies } from '../../src/delivery/lane-copy.ts';
import { Lane } from '../../src/delivery/lane.ts';
import { resolveLaneOptions } from '../../src/delivery/lane-options.ts';
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { silentLogger } from '../../src/foundation/logger.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import { openJournal } from '../../src/journal/embedded/open-journal.ts';
import { benchLogger } from '../measure/bench-logger.ts';
import { laneDecoderOptions } from '../workload/lane-records.ts';

const [directory = '', brokers = '', topic = ''] = process.argv.slice(2);
let startedAt = Number.NaN;

await using journal = await openJournal({
  directory,
  disk: nodeDisk,
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  otherReaders: 'none',
});
const lane = new Lane({
  installation: laneDecoderOptions.installation,
  laneName: topic,
  options: resolveLaneOptions({ sink: kafkaSink({ brokers, topic }) }),
  configuredNames: [topic],
  reader: journal.reader,
  tail: new JournalTail({ reader: journal.reader, createDecoder: () => createPgoutputDecoder(laneDecoderOptions) }),
  states: journal.state,
  copies: () => noCopies,
  clock: systemClock,
  random: systemRandom,
  logger: benchLogger('lane delivers', () => {
    startedAt = performance.now();
  }),
});
await lane.start();
await lane.drain();
const seconds = (performance.now() - startedAt) / 1000;
const rows = lane.status().deliveredCount;
await lane.stop();
process.stdout.write(`${JSON.stringify({ rows, seconds })}\n`);
