import type { Clock } from '../../../foundation/clock.ts';
import type { ReceivedMessage } from '../../inbox/received-message.ts';
import { type ConsumerOptions, type Delivery, resolveConsumerOptions, takeDelivery } from '../consumer.ts';
import { readHeadwaterMessage } from '../headwater-headers.ts';
import { OrderedTasks } from '../ordered-tasks.ts';
import { runConnected, toLostConnection } from '../run-connected.ts';

/** A record as the client gives it without deserializers: `Message` of `@platformatic/kafka`. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: ReadonlyMap<Buffer, Buffer>;
  commit(): void | Promise<void>;
}

/** What is asked of a `Consumer` of `@platformatic/kafka`. */
export interface KafkaConsumerClient {
  on(event: 'error', listener: (error: Error) => void): unknown;
  consume(options: {
    topics: string[];
    mode: 'committed';
    fallbackMode: 'earliest' | 'latest';
    autocommit: false;
    isolationLevel: 1;
    maxBytes: number;
    highWaterMark: number;
  }): Promise<AsyncIterable<KafkaRecord> & { close(): Promise<void> }>;
  close(force: boolean): Promise<void>;
}

/** What `consumeKafka` takes. */
export interface KafkaConsumerOptions extends ConsumerOptions {
  /**
   * Makes the client, with the brokers, group, TLS and login of yours and without deserializers: `() => new Consumer({ groupId,
   * clientId, bootstrapBrokers })`. Called again after the connection was lost for good; closed here.
   */
  readonly connect: () => KafkaConsumerClient | Promise<KafkaConsumerClient>;
  readonly topics: readonly string[];
  /** Where a group without an offset begins. Default `earliest`. */
  readonly start?: 'earliest' | 'latest';
  /** Reads records that Headwater did not send. Default: by Headwater's headers. @throws HW-INBOX-004 for what cannot be read */
  readonly read?: (record: KafkaRecord) => ReceivedMessage;
}

const bytesMax = 4_194_304;
const recordCountMax = 256;
const commitTimeoutMs = 5_000;

/**
 * Takes the records of topics by an inbox until `signal` is aborted; resolves when what was in hand is committed. Offsets follow the
 * commits in the database. Records of a partition are taken one after the other; only committed transactions are read. A record that
 * cannot be taken is parked in the inbox, and those behind it go on.
 * @throws HW-INBOX-002, and what stops it: HW-INBOX-007, HW-INBOX-022
 */
export async function consumeKafka(options: KafkaConsumerOptions): Promise<void> {
  const settings = resolveConsumerOptions(options);
  await runConnected(settings, async (established) => {
    const consumer = await options.connect();
    // Without a listener, an error of the client ends the program.
    consumer.on('error', () => undefined);
    try {
      await consumeOnce(consumer, options, established);
    } finally {
      await consumer.close(true).catch(() => undefined);
    }
  });
}

async function consumeOnce(
  consumer: KafkaConsumerClient,
  options: KafkaConsumerOptions,
  established: () => void,
): Promise<void> {
  const settings = resolveConsumerOptions(options);
  const { inFlightMax, signal } = settings;
  const stream = await consumer.consume({
    topics: [...options.topics],
    mode: 'committed',
    fallbackMode: options.start ?? 'earliest',
    autocommit: false,
    isolationLevel: 1,
    maxBytes: bytesMax,
    highWaterMark: recordCountMax,
  });
  const tasks = new OrderedTasks(inFlightMax);
  const ended = Promise.withResolvers<void>();
  const end = (): void => void stream.close().then(ended.resolve, ended.reject);
  tasks.failed.catch(end);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  const offsets = new OffsetCommits();
  try {
    established();
    for await (const record of stream) {
      if (signal.aborted || tasks.hasFailed) break;
      await tasks.add(`${record.topic}/${record.partition}`, async () => {
        if (signal.aborted) return;
        await takeDelivery(settings, toDelivery(record, options));
        offsets.add(record);
      });
    }
  } catch (thrown) {
    if (!signal.aborted && !tasks.hasFailed) throw toLostConnection(thrown);
  } finally {
    signal.removeEventListener('abort', end);
    await tasks.idle();
    await offsets.settled(settings.clock);
    end();
    await ended.promise.catch(() => undefined);
  }
  if (tasks.hasFailed) await tasks.failed;
}

function toDelivery(record: KafkaRecord, { read = readRecord }: KafkaConsumerOptions): Delivery {
  const { offset, partition, topic } = record;
  return {
    read: () => read(record),
    raw: { id: `${topic}/${partition}/${offset}`, sender: 'kafka', body: bodyOf(record) },
  };
}

function readRecord(record: KafkaRecord): ReceivedMessage {
  const headers = new Map([...record.headers].map(([name, value]) => [name.toString(), value.toString()] as const));
  return readHeadwaterMessage(headers, { body: bodyOf(record), key: textOf(record.key) });
}

/** Null for a tombstone, whatever the declared type says. */
function bodyOf({ value }: { readonly value: Buffer | null | undefined }): Buffer | null {
  return value ?? null;
}

function textOf(key: Buffer | null | undefined): string | null {
  return key === null || key === undefined || key.length === 0 ? null : key.toString();
}

/** Commits of offsets under way. One that fails costs a repetition, which the inbox answers. */
class OffsetCommits {
  readonly #pending = new Set<Promise<void>>();

  add(record: KafkaRecord): void {
    const commit = Promise.resolve(record.commit())
      .catch(() => undefined)
      .finally(() => this.#pending.delete(commit));
    this.#pending.add(commit);
  }

  /** Resolves when none is under way, or after a while: the group may have gone without an answer. */
  async settled(clock: Clock): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = clock.setTimer(commitTimeoutMs, late.resolve);
    await Promise.race([Promise.all(this.#pending), late.promise]);
    timer.clear();
  }
}
