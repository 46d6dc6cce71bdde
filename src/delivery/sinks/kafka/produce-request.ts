import type { Connection } from '@platformatic/kafka';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaClient } from './load-client.ts';

/** A record batch for one partition, as it is sent. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly recordCount: number;
  readonly bytes: Buffer;
}

/** What the broker says about a batch that it has taken. */
export interface ProduceAnswer {
  readonly batch: PartitionBatch;
  readonly baseOffset: bigint;
}

/** What goes to one broker in one request. */
export interface ProduceRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** No two of one partition: the protocol takes one record batch each. */
  readonly batches: readonly PartitionBatch[];
}

const produceKey = 0;
const produceVersion = 9;
const acksOfAll = -1;

/*
 * Produce Request (Version: 9) => transactional_id acks timeout_ms [topic_data] TAG_BUFFER
 *   transactional_id => COMPACT_NULLABLE_STRING    acks => INT16    timeout_ms => INT32
 *   topic_data => name [partition_data] TAG_BUFFER
 *     name => COMPACT_STRING
 *     partition_data => index records TAG_BUFFER
 *       index => INT32    records => COMPACT_RECORDS
 * https://kafka.apache.org/protocol.html#The_Messages_Produce
 *
 * Written here and not by the client, because its form takes one object per record and header and copies each several times.
 * The answer is read by the client.
 */
/** Sends record batches to the broker that leads their partitions; waits for all replicas in sync. */
export async function sendProduceRequest(
  client: KafkaClient,
  connection: Connection,
  request: ProduceRequest,
): Promise<readonly ProduceAnswer[]> {
  const topics = [...Map.groupBy(request.batches, (batch) => batch.topic)];
  const { promise, reject, resolve } = Promise.withResolvers<ProduceResponse>();
  connection.send<ProduceResponse>(
    produceKey,
    produceVersion,
    () =>
      client.Writer.create()
        .appendString(request.transactionalId)
        .appendInt16(acksOfAll)
        .appendInt32(request.timeoutMs)
        .appendArray(topics, (topicWriter, [topic, batches]) => {
          topicWriter.appendString(topic).appendArray(batches, (writer, batch) => {
            writer
              .appendInt32(batch.partition)
              .appendUnsignedVarInt(batch.bytes.length + 1)
              .append(batch.bytes);
          });
        })
        .appendTaggedFields(),
    client.produceV9.parseResponse,
    true,
    true,
    (error, response) => (error === null ? resolve(response ?? { responses: [] }) : reject(error)),
  );
  const answers = collectAnswers(await promise);
  return request.batches.map((batch) => {
    const baseOffset = answers.get(batch.topic)?.get(batch.partition);
    if (baseOffset !== undefined) return { batch, baseOffset };
    throw new HeadwaterError('HW-KAFKA-013', `the broker did not answer for ${batch.topic}, ${batch.partition}`);
  });
}

interface ProduceResponse {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly { readonly index: number; readonly baseOffset: bigint }[];
  }[];
}

function collectAnswers(response: ProduceResponse): ReadonlyMap<string, ReadonlyMap<number, bigint>> {
  return new Map(
    response.responses.map(({ name, partitionResponses }) => [
      name,
      new Map(partitionResponses.map(({ baseOffset, index }) => [index, baseOffset])),
    ]),
  );
}
