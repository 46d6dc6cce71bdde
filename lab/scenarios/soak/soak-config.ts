import '../../stage/end-with-parent.ts';
import { existsSync } from 'node:fs';
import pg from 'pg';

import { encodeRowChange, encodeTruncate } from '../../../src/delivery/change-json.ts';
import type { SinkDefinition } from '../../../src/delivery/sink.ts';
import { fileSink } from '../../../src/delivery/sinks/file/file-sink.ts';
import type { HandlerContext } from '../../../src/delivery/sinks/handler/handler-options.ts';
import { handlerSink } from '../../../src/delivery/sinks/handler/handler-sink.ts';
import { kafkaSink } from '../../../src/delivery/sinks/kafka/kafka-sink.ts';
import { natsSink } from '../../../src/delivery/sinks/nats/nats-sink.ts';
import { postgresSink } from '../../../src/delivery/sinks/postgres/postgres-sink.ts';
import { rabbitmqSink } from '../../../src/delivery/sinks/rabbitmq/rabbitmq-sink.ts';
import { redisSink } from '../../../src/delivery/sinks/redis/redis-sink.ts';
import { sqliteSink } from '../../../src/delivery/sinks/sqlite/sqlite-sink.ts';
import { webhookSink } from '../../../src/delivery/sinks/webhook/webhook-sink.ts';
import { systemClock } from '../../../src/foundation/clock.ts';
import type { JournalRecord } from '../../../src/model/journal-record.ts';
import type { HeadwaterConfig } from '../../../src/service/config-types.ts';
import { qualifiedName } from '../pgbench-tables.ts';
import { refusedType, soakInstallation, soakTables } from './soak-tables.ts';

/** What the scenario decides about the Headwater that it runs. Addresses lead through paths that can be cut. */
export interface SoakSettings {
  readonly sourceUrl: string;
  readonly mirrorUrl: string;
  readonly brokers: readonly string[];
  readonly redisUrl: string;
  readonly natsServers: string;
  readonly stream: string;
  readonly rabbitmqServers: string;
  readonly exchange: string;
  readonly queue: string;
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  readonly directory: string;
  readonly journalDirectory: string;
  readonly segmentBytes: number;
  readonly minimumAgeMs: number;
  readonly httpPort: number;
  /** As long as this file is missing, the handler throws for what is refused. */
  readonly mendedFile: string;
  /** Undefined after the mend: the sinks' own limits. */
  readonly recordBytesMax: number | undefined;
}

/**
 * Every sink on one source, with a user's defaults. Poisoned are those whose lanes can park: a store that takes whole transactions, or
 * records in the order of the journal only (NATS, files), would stop instead.
 */
export function createSoakConfig(settings: SoakSettings): HeadwaterConfig {
  const { brokers, directory, mirrorUrl } = settings;
  const limit = settings.recordBytesMax === undefined ? {} : { recordBytesMax: settings.recordBytesMax };
  const retry = { maxDelayMs: 2_000 };
  return {
    installation: soakInstallation,
    source: { url: settings.sourceUrl, publication: 'soak', tables: soakTables.map(qualifiedName) },
    journal: {
      directory: settings.journalDirectory,
      segmentBytes: settings.segmentBytes,
      minimumAgeMs: settings.minimumAgeMs,
    },
    lanes: {
      mirror: { sink: postgresSink({ url: mirrorUrl }), retry },
      sqlite: { sink: sqliteSink({ file: `${directory}/mirror.db` }), retry },
      file: { sink: fileSink({ directory, rollBytes: 4_194_304 }), retry },
      kafka: { sink: kafkaSink({ brokers, ...limit }), retry },
      nats: {
        sink: natsSink({ servers: settings.natsServers, stream: settings.stream, createStream: true }),
        retry,
      },
      rabbitmq: {
        sink: rabbitmqSink({
          servers: settings.rabbitmqServers,
          exchange: settings.exchange,
          queues: settings.queue,
          ...limit,
        }),
        retry,
        concurrencyMax: 32,
      },
      // Redis cannot find the keys of one table: TRUNCATE, and the table that is emptied so, are left out.
      redis: {
        sink: redisSink({ url: settings.redisUrl, durability: 'always' }),
        filter: (record) =>
          record.kind !== 'truncate' && record.kind !== 'event' && record.table.tableName === 'soak_part',
        retry,
      },
      webhook: {
        sink: webhookSink({
          url: settings.webhookUrl,
          secrets: settings.webhookSecret,
          allowHttp: true,
          allowPrivateAddresses: true,
        }),
        retry,
      },
      handler: { sink: createEffects(settings), retry: { ...retry, maxAttempts: 3 } },
    },
    http: { port: settings.httpPort },
  };
}

const handlerTimeoutMs = 120_000;
const pauseMs = 200;

/** Effect and inbox row in one transaction. A database that is away is the handler's to wait for; what is poisoned, it throws. */
function createEffects({ mendedFile, mirrorUrl }: SoakSettings): SinkDefinition {
  const pool = new pg.Pool({ connectionString: mirrorUrl, application_name: 'soak-handler', max: 4 });
  pool.on('error', () => undefined);
  return handlerSink({
    name: 'effects',
    timeoutMs: handlerTimeoutMs,
    async handle(record, context) {
      const isRefused = record.kind === 'event' && record.event.type === refusedType && !existsSync(mendedFile);
      for (;;) {
        try {
          await takeEffect(pool, record, { context, isRefused });
          return;
        } catch (error) {
          context.signal.throwIfAborted();
          if (!isAway(error)) throw error;
          await systemClock.sleep(pauseMs, context.signal);
        }
      }
    },
  });
}

interface Effect {
  readonly context: HandlerContext;
  /** Unless it took effect already, before the type was refused. */
  readonly isRefused: boolean;
}

async function takeEffect(pool: pg.Pool, record: JournalRecord, { context, isRefused }: Effect): Promise<void> {
  const client = await pool.connect();
  client.on('error', ignoreError);
  try {
    await client.query('begin');
    if (await context.once(client)) {
      if (isRefused) throw new Error('this type is not understood yet');
      const { subject, value } = describeRecord(record);
      await client.query('insert into soak_effect (id, subject, value) values ($1, $2, $3)', [
        context.id,
        subject,
        value,
      ]);
    }
    await client.query('commit');
    client.off('error', ignoreError);
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** The server is gone or not yet there again, and says so in many ways. */
function isAway(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    code.startsWith('E') ||
    code.startsWith('57P') ||
    code.startsWith('08') ||
    /Connection terminated|timeout/i.test(String(error))
  );
}

function ignoreError(): void {
  // The statement that waits for the connection gets the error, too.
}

/** The same JSON as in the brokers. */
function describeRecord(record: JournalRecord): { readonly subject: string; readonly value: string } {
  switch (record.kind) {
    case 'event':
      return { subject: record.event.type, value: Buffer.from(record.event.payload).toString() };
    case 'truncate': {
      const [table] = record.tables;
      if (table === undefined) throw new Error('a TRUNCATE of nothing');
      return { subject: table.tableName, value: encodeTruncate(record, table) };
    }
    case 'insert':
    case 'read':
    case 'update':
    case 'delete':
      return { subject: record.table.tableName, value: encodeRowChange(record) };
  }
}
