/**
 * What Kafka takes from this client: the records that the lane would write lie in memory, byte for byte, and go out in the
 * same transactions of a thousand records and a position, by the same producer with the same settings. No journal, no
 * decoding, no JSON; only the record batches are laid out, the next one while one is under way.
 *
 *   node bench/peers/kafka-from-memory.ts DIRECTORY BROKERS TOPIC ROWS
 */
import { checkpointBehind } from '../../src/delivery/checkpoint.ts';
import { defaultBatchLimits } from '../../src/delivery/lane-options.ts';
import { KafkaCluster } from '../../src/delivery/sinks/kafka/cluster.ts';
import { resolveKafkaOptions } from '../../src/delivery/sinks/kafka/kafka-options.ts';
import { loadKafkaClient } from '../../src/delivery/sinks/kafka/load-client.ts';
import { encodePosition } from '../../src/delivery/sinks/kafka/position-record.ts';
import { RecordBatchBuilder } from '../../src/delivery/sinks/kafka/record-batch.ts';
import { type PartitionWrites, TransactionalProducer } from '../../src/delivery/sinks/kafka/transactional-producer.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { openJournalReader } from '../../src/journal/embedded/open-journal-reader.ts';
import { toSequence } from '../../src/model/position.ts';
import { laneDecoderOptions, readLaneRecords } from '../workload/lane-records.ts';

const [directory = '', brokers = '', topic = '', rows = '0'] = process.argv.slice(2);
const rowCount = Number(rows);
/**
 * Of the journal's records so many are kept and sent again and again: the bytes count, not what they say. A million objects in
 * memory would cost the peer more in garbage collection than the lane's own work.
 */
const keptCountMax = 10_000;

await using journal = await openJournalReader({ directory, disk: nodeDisk, clock: systemClock });
const records = await readLaneRecords(journal, topic, Math.min(rowCount, keptCountMax));

const options = resolveKafkaOptions({ brokers, topic });
await using cluster = new KafkaCluster(await loadKafkaClient(), options, systemClock);
const signal = new AbortController().signal;
const producer = new TransactionalProducer(cluster, {
  transactionalId: `bench.${topic}`,
  transactionTimeoutMs: options.transactionTimeoutMs,
  requestTimeoutMs: options.requestTimeoutMs,
  codec: undefined,
  clock: systemClock,
});
await cluster.describeTopics([topic, options.positionTopic], signal);
await producer.initialise(signal);
const owner = { installation: laneDecoderOptions.installation, laneName: topic, journalId: journal.journalId };

const startedAt = performance.now();
let sentCount = 0;
let next = layOut();
while (next.length > 0) {
  const committing = producer.commit(next, signal);
  next = layOut();
  await committing;
}
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: sentCount, seconds })}\n`);

/** The next transaction; empty when everything was laid out. */
function layOut(): PartitionWrites[] {
  const count = Math.min(defaultBatchLimits.recordCountMax, rowCount - sentCount);
  if (count === 0) return [];
  const batch = new RecordBatchBuilder(32_768);
  for (let index = sentCount; index < sentCount + count; index += 1) {
    const record = records[index % records.length];
    if (record !== undefined) batch.append(record);
  }
  sentCount += count;
  return [
    { topic, partition: 0, batches: [batch] },
    { topic: options.positionTopic, partition: 0, batches: [layOutPosition()] },
  ];
}

function layOutPosition(): RecordBatchBuilder {
  const checkpoint = checkpointBehind(journal.journalId, toSequence(BigInt(sentCount)));
  const { key, value } = encodePosition(owner, { writer: '0123456789abcdef', checkpoint });
  const batch = new RecordBatchBuilder(1024);
  batch.append({ key, value, sharedHeaders: [], headers: [] });
  return batch;
}
