import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundBatch, OutboundRecord } from '../../sink.ts';
import { partitionOfKey } from './murmur2.ts';
import { type MessageOptions, type OutboundMessage, toOutboundMessages } from './outbound-message.ts';
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

/** Room of the first record batch; a later one begins with what the largest of the call before it took. */
const initialCapacityBytes = 32_768;
/** Half as much again, so that a batch a little larger need not grow. */
const capacityFactor = 1.5;

/** The messages of all records of a batch, in order. @throws HW-KAFKA-019, 020, 022, 023 */
export function planMessages(batch: OutboundBatch, options: MessageOptions): readonly PlannedRecord[] {
  return batch.records.map((outbound) => ({ outbound, messages: toOutboundMessages(outbound, options) }));
}

/**
 * Lays messages out into record batches per partition, in order. Records with a key go where Java clients put the key. Those
 * without one go to a single partition per topic and call, another one with each call: fewest batches, and no order is
 * promised for them.
 */
export class BatchLayout {
  readonly #headers = new HeaderWriter();
  #rotation = 0;
  #capacityBytes = initialCapacityBytes;

  /** @throws HW-KAFKA-008 for a record that is larger than its topic takes; nothing was sent then. */
  lay(records: readonly PlannedRecord[], limits: (topic: string) => TopicLimits): PartitionWrites[] {
    this.#rotation += 1;
    const plans = new Map<string, PartitionPlan[]>();
    for (const { messages, outbound } of records) {
      for (const message of messages) {
        const topicLimits = limits(message.topic);
        const key = message.key === null ? null : Buffer.from(message.key);
        const { partitionCount } = topicLimits;
        if (message.isForAllPartitions) {
          for (let partition = 0; partition < partitionCount; partition += 1) {
            const id = `${message.id}/${partition}`;
            this.#append({ message, outbound, key, limits: topicLimits, plans, partition, id });
          }
        } else {
          const partition = key === null ? this.#rotation % partitionCount : partitionOfKey(key, partitionCount);
          this.#append({ message, outbound, key, limits: topicLimits, plans, partition, id: message.id });
        }
      }
    }
    const laid = [...plans.values()].flat().filter((plan) => plan !== undefined);
    const largest = Math.max(0, ...laid.flatMap(({ batches }) => batches.map((batch) => batch.byteCount)));
    this.#capacityBytes = Math.max(initialCapacityBytes, Math.ceil(largest * capacityFactor));
    return laid;
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
        ownHeaders: message.ownHeaders,
      }),
    };
    const { batches } = planOf(place);
    const builder = batches.at(-1) ?? this.#startBatch(batches);
    const byteCount = builder.append(record);
    if (byteCount > limits.recordBytesMax) throw tooLarge(place, byteCount);
    if (builder.byteCount <= limits.batchBytesMax) return;
    if (builder.recordCount === 1) throw tooLarge(place, byteCount);
    builder.dropLast(byteCount);
    this.#startBatch(batches);
    this.#append(place);
  }

  #startBatch(batches: RecordBatchBuilder[]): RecordBatchBuilder {
    const builder = new RecordBatchBuilder(this.#capacityBytes);
    batches.push(builder);
    return builder;
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

function tooLarge({ limits, message, outbound }: Placement, byteCount: number): HeadwaterError {
  const limit = Math.min(limits.recordBytesMax, limits.batchBytesMax - batchOverheadBytes);
  return new HeadwaterError(
    'HW-KAFKA-008',
    `record ${outbound.id} has ${byteCount} bytes, the topic "${message.topic}" takes ${limit}`,
    { details: { recordId: outbound.id, topic: message.topic, byteCount, limit } },
  );
}
