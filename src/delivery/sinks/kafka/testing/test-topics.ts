import {
  Connection,
  createTopicsV7,
  fetchV12,
  incrementalAlterConfigsV1,
  listOffsetsV7,
  createPartitionsV3,
} from '@platformatic/kafka';
import { systemClock } from '../../../../foundation/clock.ts';
import { systemRandom } from '../../../../foundation/random.ts';
import { retry } from '../../../../foundation/retry.ts';
import { CommittedReader } from '../committed-reader.ts';
import { toKafkaError } from '../kafka-error.ts';

type FetchedPartition = fetchV12.FetchResponsePartition;

const codecBits = 0b111;
const controlBit = 1 << 5;

/** A record as a consumer sees it. */
export interface ConsumedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
}

/** Topics of one test on a broker of which it is the only node. */
export class TestTopics implements AsyncDisposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open(brokers: readonly string[]): Promise<TestTopics> {
    const [host, port] = (brokers[0] ?? '').split(':');
    const connection = new Connection('headwater-test');
    connection.on('error', () => {});
    await connection.connect(host ?? '', Number(port));
    return new TestTopics(connection);
  }

  /** Makes a topic under a name of its own. */
  async create(
    prefix: string,
    partitionCount: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const name = uniqueName(prefix);
    await this.createNamed(name, partitionCount, settings);
    return name;
  }

  async createNamed(
    name: string,
    partitionCount: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const topic = { name, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs };
    await createTopicsV7.api.async(this.#connection, [topic], 10_000, false);
    await this.#untilLed(name, partitionCount);
  }

  async addPartitions(topic: string, count: number): Promise<void> {
    await createPartitionsV3.api.async(this.#connection, [{ name: topic, count, assignments: null }], 10_000, false);
    await this.#untilLed(topic, count);
  }

  async set(topic: string, name: string, value: string): Promise<void> {
    const configs = [{ name, configOperation: 0 as const, value }];
    const resource = { resourceType: 2 as const, resourceName: topic, configs };
    await incrementalAlterConfigsV1.api.async(this.#connection, [resource], false);
  }

  /** Everything that a read-committed consumer sees up to the end, by partition and offset. */
  async readCommitted(topic: string, partitionCount: number): Promise<ConsumedRecord[]> {
    const records: ConsumedRecord[] = [];
    for (let partition = 0; partition < partitionCount; partition += 1) {
      for await (const record of this.consume(topic, partition)) records.push(record);
    }
    return records;
  }

  /** One partition as a read-committed consumer sees it, from its beginning up to its end at the call. */
  async *consume(topic: string, partition: number): AsyncGenerator<ConsumedRecord> {
    // Not the end that read-committed consumers see now: a transaction is committed a moment before its markers are written.
    const end = await this.#offsetAt(topic, partition, 0);
    const reader = new CommittedReader(0n);
    while (reader.nextOffset < end) {
      const fetched = await this.#fetch(topic, partition, reader.nextOffset);
      const batches = (fetched.records ?? []).map((batch) => ({
        ...batch,
        records: batch.records.map((record) => ({ ...record, offset: batch.firstOffset + BigInt(record.offsetDelta) })),
      }));
      for (const record of reader.take({ ...fetched, records: batches })) {
        yield toConsumed(partition, record as (typeof batches)[number]['records'][number]);
      }
    }
  }

  /** The compressions of the record batches at the beginning of partition 0, each once, by their numbers. */
  async codecsOf(topic: string): Promise<number[]> {
    const { records } = await this.#fetch(topic, 0, 0n);
    const written = (records ?? []).filter(({ attributes }) => (attributes & controlBit) === 0);
    return [...new Set(written.map(({ attributes }) => attributes & codecBits))];
  }

  /** How many offsets a partition has given out, markers and aborted records included. */
  async endOffset(topic: string, partition: number): Promise<bigint> {
    return this.#offsetAt(topic, partition, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  async #fetch(topic: string, partition: number, fetchOffset: bigint): Promise<FetchedPartition> {
    const place = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1_000_000,
    };
    const topics = [{ topicId: topic, partitions: [place] }];
    const answer = await fetchV12.api.async(this.#connection, 100, 1, 4_000_000, 1, 0, -1, topics, [], '');
    const fetched = answer.responses[0]?.partitions[0];
    if (fetched === undefined) throw new Error(`no answer for ${topic}`);
    return fetched;
  }

  /** A topic is there before its leader knows of it. */
  async #untilLed(topic: string, partitionCount: number): Promise<void> {
    const policy = { initialDelayMs: 10, maxDelayMs: 50, maxAttempts: 200 };
    const ask = async (): Promise<void> => {
      for (let partition = 0; partition < partitionCount; partition += 1) {
        await this.#offsetAt(topic, partition, 0).catch((thrown: unknown) => {
          throw toKafkaError(thrown, `${topic} has no leader yet`);
        });
      }
    };
    await retry(ask, { policy, clock: systemClock, random: systemRandom });
  }

  async #offsetAt(topic: string, partition: number, isolation: number): Promise<bigint> {
    const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: -1n }];
    const answer = await listOffsetsV7.api.async(this.#connection, -1, isolation, [{ name: topic, partitions }]);
    return answer.topics[0]?.partitions[0]?.offset ?? 0n;
  }
}

/** A name that no other test has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
}

function toConsumed(
  partition: number,
  record: {
    readonly offset: bigint;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
  },
): ConsumedRecord {
  return {
    partition,
    offset: record.offset,
    key: record.key === null ? null : String(record.key),
    value: record.value === null ? null : String(record.value),
    headers: record.headers.map(([name, value]) => [String(name), String(value)] as const),
  };
}
