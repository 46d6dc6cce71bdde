import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundBatch, OutboundRecord } from '../../sink.ts';
import type { KafkaTopic } from './kafka-options.ts';
import { partitionOfKey } from './murmur2.ts';
import { type OutboundMessage, toOutboundMessages } from './outbound-message.ts';
import { type BatchRecord, batchOverheadBytes, RecordBatchBuilder } from './record-batch.ts';
import { HeaderWriter } from './record-headers.ts';
import type { PartitionWrites } from './transactional-producer.ts';

/** What is known of a topic before records are laid out for it. */
export interface TopicLimits {
  readonly partitionCount: number;
  /** The largest batch that it takes, as one record batch. */
  readonly batchBytesMax: number;
  readonly recordBytesMax: number;
}

/** A record's messages, made once. */
export interface PlannedRecord {
  readonly outbound: OutboundRecord;
  readonly messages: readonly OutboundMessage[];
}

interface PartitionPlan extends PartitionWrites {
  readonly batches: RecordBatchBuilder[];
}

/** Doubles when it is too small; what the kernel has not touched costs nothing. */
const initialCapacityBytes = 32_768;

/** The messages of all records of a batch, in order. @throws HW-KAFKA-019, HW-KAFKA-020 */
export function planMessages(batch: OutboundBatch, topic: KafkaTopic | undefined): readonly PlannedRecord[] {
  return batch.records.map((outbound) => ({ outbound, messages: toOutboundMessages(outbound, topic) }));
}

/**
 * Lays messages out into record batches per partition, in order. Records with a key go where Java clients put the key. Those
 * without one go to a single partition per topic and call, another one with each call: fewest batches, and no order is
 * promised for them.
 */
export class BatchLayout {
  readonly #headers = new HeaderWriter();
  #rotation = 0;

  /** @throws HW-KAFKA-008 for a record that is larger than its topic takes; nothing was sent then. */
  lay(records: readonly PlannedRecord[], limits: (topic: string) => TopicLimits): PartitionWrites[] {
    this.#rotation += 1;
    const plans = new Map<string, PartitionPlan[]>();
    for (const { messages, outbound } of records) {
      for (const message of messages) {
        const topicLimits = limits(message.topic);
        const key = message.key === null ? null : Buffer.from(message.key);
        const { partitionCount } = topicLimits;
        const place = { message, outbound, key, limits: topicLimits, plans };
        if (message.isForAllPartitions) {
          for (let partition = 0; partition < partitionCount; partition += 1) {
            this.#append({ ...place, partition, id: `${message.id}/${partition}` });
          }
        } else {
          const partition = key === null ? this.#rotation % partitionCount : partitionOfKey(key, partitionCount);
          this.#append({ ...place, partition, id: message.id });
        }
      }
    }
    return [...plans.values()].flat().filter((plan) => plan !== undefined);
  }

  #append(place: Placement): void {
    const { key, limits, message, outbound } = place;
    const record: BatchRecord = {
      key,
      value: message.value,
      ...this.#headers.write({
        id: place.id,
        operation: message.operation,
        contentType: message.contentType,
        record: outbound.record,
        table: message.table,
        header: outbound.header,
      }),
    };
    const { batches } = planOf(place);
    const builder = batches.at(-1) ?? startBatch(batches);
    const byteCount = builder.append(record);
    if (byteCount > limits.recordBytesMax) throw tooLarge(place, byteCount);
    if (builder.byteCount <= limits.batchBytesMax) return;
    if (builder.recordCount === 1) throw tooLarge(place, byteCount);
    builder.dropLast(byteCount);
    startBatch(batches);
    this.#append(place);
  }
}

interface Placement {
  readonly message: OutboundMessage;
  readonly outbound: OutboundRecord;
  readonly id: string;
  readonly key: Uint8Array | null;
  readonly partition: number;
  readonly limits: TopicLimits;
  readonly plans: Map<string, PartitionPlan[]>;
}

function planOf({ message, partition, plans }: Placement): PartitionPlan {
  let partitions = plans.get(message.topic);
  if (partitions === undefined) plans.set(message.topic, (partitions = []));
  return (partitions[partition] ??= { topic: message.topic, partition, batches: [] });
}

function startBatch(batches: RecordBatchBuilder[]): RecordBatchBuilder {
  const builder = new RecordBatchBuilder(initialCapacityBytes);
  batches.push(builder);
  return builder;
}

function tooLarge({ limits, message, outbound }: Placement, byteCount: number): HeadwaterError {
  const limit = Math.min(limits.recordBytesMax, limits.batchBytesMax - batchOverheadBytes);
  return new HeadwaterError(
    'HW-KAFKA-008',
    `record ${outbound.id} has ${byteCount} bytes, the topic "${message.topic}" takes ${limit}`,
    { details: { recordId: outbound.id, topic: message.topic, byteCount, limit } },
  );
}
