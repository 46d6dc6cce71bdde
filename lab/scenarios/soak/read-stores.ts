import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

import type { Message } from 'amqplib';

import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { readLines } from '../../../src/delivery/sinks/file/testing/read-lines.ts';
import { TestTopics } from '../../../src/delivery/sinks/kafka/testing/test-topics.ts';
import { TestStreams } from '../../../src/delivery/sinks/nats/testing/test-streams.ts';
import { withBroker } from '../../../src/delivery/sinks/rabbitmq/testing/test-broker.ts';
import { TestRedis } from '../../../src/delivery/sinks/redis/testing/test-redis.ts';
import { withClient } from '../drain.ts';
import { qualifiedName } from '../pgbench-tables.ts';
import { RowSum, type TableSum } from '../row-sum.ts';
import { LogFold } from './log-fold.ts';
import type { SoakServers } from './soak-servers.ts';
import { partTable, soakTables } from './soak-tables.ts';

const prefetchCount = 500;
const queueTimeoutMs = 300_000;
/** Partitions of each topic. */
export const partitionCount = 3;

/** Where the logs are. */
export interface LogPlaces {
  readonly servers: SoakServers;
  readonly directory: string;
  readonly stream: string;
  readonly queue: string;
}

/** The lanes whose stores keep every record. */
export const logLanes = ['file', 'kafka', 'nats', 'rabbitmq', 'webhook', 'handler'] as const;
export type LogLane = (typeof logLanes)[number];

const readers: Readonly<Record<LogLane, (places: LogPlaces, fold: LogFold) => Promise<void>>> = {
  file: readFiles,
  kafka: readTopics,
  nats: readStream,
  rabbitmq: readQueue,
  webhook: readReceiver,
  handler: readEffects,
};

/** Reads a log whole. `before` is what was read when it was read last: a queue gives each message once. */
export async function readLog(lane: LogLane, places: LogPlaces, before: LogFold | undefined): Promise<LogFold> {
  const isQueue = lane === 'rabbitmq';
  const fold = isQueue && before !== undefined ? before : new LogFold({ mayRepeat: isQueue });
  await readers[lane](places, fold);
  return fold;
}

async function readFiles({ directory }: LogPlaces, fold: LogFold): Promise<void> {
  const names = (await readdir(directory)).filter((name) => /^file-\d+\.ndjson(?:\.open)?$/.test(name)).toSorted();
  for (const name of names) {
    for (const line of readLines(name, await readFile(join(directory, name)))) {
      const table = line['op'] === 'event' ? undefined : String(line['table']);
      fold.take({ id: String(line['id']), table, value: JSON.stringify(line) });
    }
  }
}

async function readTopics({ servers }: LogPlaces, fold: LogFold): Promise<void> {
  await using topics = await TestTopics.open(servers.kafka.brokers);
  for (const table of [...soakTables, undefined]) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const topic = table === undefined ? 'events' : qualifiedName(table);
      for await (const { headers, value } of topics.consume(topic, partition)) {
        const id = headers.find(([name]) => name === 'headwater-id')?.[1] ?? '';
        fold.take({ id, table: table?.name, partition, value: value ?? '' });
      }
    }
  }
}

async function readStream({ servers, stream }: LogPlaces, fold: LogFold): Promise<void> {
  await using streams = await TestStreams.open(servers.nats.address);
  for (const { headers, text } of await streams.read(stream))
    fold.take({ id: headers.get('headwater-id') ?? '', table: headers.get('headwater-table'), value: text });
}

/** By a consumer: one question for each message would take minutes. What its answers left behind is asked for at the end. */
async function readQueue({ queue, servers }: LogPlaces, fold: LogFold): Promise<void> {
  const take = ({ content, properties }: Message): void => {
    const table = properties.headers?.['headwater-table'] as string | undefined;
    fold.take({ id: String(properties.messageId), table, value: content.toString() });
  };
  await withBroker(servers.rabbitmq.url, async (broker) => {
    const { channel } = broker;
    const { messageCount } = await channel.checkQueue(queue);
    let takenCount = 0;
    await channel.prefetch(prefetchCount);
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) return;
      take(message);
      takenCount += 1;
      channel.ack(message);
    });
    await waitUntil('the queue is read', () => takenCount >= messageCount, queueTimeoutMs);
    await channel.cancel(consumerTag);
    for (const message of await broker.take(queue)) take(message);
  });
}

interface WebhookBody {
  readonly data: unknown;
  readonly headwater: { readonly kind: string };
}

async function readReceiver({ servers }: LogPlaces, fold: LogFold): Promise<void> {
  for (const { body, id } of servers.webhook.effects()) {
    const { data, headwater } = JSON.parse(body) as WebhookBody;
    const change = (Array.isArray(data) ? data[0] : data) as { readonly table?: string };
    fold.take({ id, table: headwater.kind === 'event' ? undefined : change.table, value: JSON.stringify(change) });
  }
  await Promise.resolve();
}

async function readEffects({ servers }: LogPlaces, fold: LogFold): Promise<void> {
  const names = new Set(soakTables.map(({ name }) => name));
  await withClient(servers.mirror.url, async (client) => {
    const { rows } = await client.query<{ id: string; subject: string; value: string }>(
      'select id, subject, value from soak_effect order by place',
    );
    for (const { id, subject, value } of rows)
      fold.take({ id, table: names.has(subject) ? subject : undefined, value });
  });
}

/** The rows of the tables by what SQLite holds. */
export function sumSqlite(directory: string): readonly TableSum[] {
  using database = new DatabaseSync(join(directory, 'mirror.db'), { readOnly: true });
  return soakTables.map(({ columns, name }) => {
    const sum = new RowSum();
    for (const row of database.prepare(`select ${columns.join(', ')} from ${name}`).all())
      sum.add(columns.map((column) => textOf(row[column])));
    return sum.total;
  });
}

type RowTexts = readonly (string | null)[];

/** The parts by id, by what Redis holds. */
export async function readRedisParts(servers: SoakServers): Promise<ReadonlyMap<string, RowTexts>> {
  await using redis = await TestRedis.open(servers.redis.url);
  const prefix = `${qualifiedName(partTable)}:`;
  const parts = new Map<string, RowTexts>();
  for (const key of await redis.keys(prefix)) {
    const fields = await redis.hash(key);
    parts.set(
      key.slice(prefix.length),
      partTable.columns.map((column) => fields[column] ?? null),
    );
  }
  return parts;
}

/** The parts by id, and the ids of all events: the truth. */
export async function readSource(servers: SoakServers): Promise<{
  readonly parts: ReadonlyMap<string, RowTexts>;
  readonly events: ReadonlySet<string>;
}> {
  return withClient(servers.source.url, async (client) => {
    const { rows } = await client.query<Record<string, string | null>>(
      `select ${partTable.columns.map((column) => `${column}::text`).join(', ')} from ${partTable.name}`,
    );
    const sent = await client.query<{ id: string }>('select id from soak_sent');
    return {
      parts: new Map(rows.map((row) => [String(row['id']), partTable.columns.map((column) => row[column] ?? null)])),
      events: new Set(sent.rows.map(({ id }) => id)),
    };
  });
}

function textOf(value: SQLOutputValue | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) throw new TypeError('no column of the soak holds bytes');
  return String(value);
}
