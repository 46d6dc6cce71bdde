import '../stage/end-with-parent.ts';
import pg from 'pg';

import { handlerSink } from '../../src/delivery/sinks/handler/handler-sink.ts';
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { postgresSink } from '../../src/delivery/sinks/postgres/postgres-sink.ts';
import type { SinkDefinition } from '../../src/delivery/sink.ts';
import type { HeadwaterConfig } from '../../src/service/config-types.ts';
import { crashInstallation, handlerApplicationName } from './crash-step.ts';
import { parseVersion, shopTables } from './shop.ts';

/** What the stage decides about the Headwater that it kills. */
export interface CrashSettings {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly slot: string;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly journalDirectory: string;
  readonly httpPort: number;
}

/** All three sinks on one source. Segments are small, so that kills meet their change too. */
export function createCrashConfig(settings: CrashSettings): HeadwaterConfig {
  const { brokers, slot, topic } = settings;
  const retry = { initialDelayMs: 20, maxDelayMs: 200 };
  return {
    installation: crashInstallation,
    source: { url: settings.sourceUrl, slot, publication: slot, tables: shopTables, canaryIntervalMs: false },
    journal: { directory: settings.journalDirectory, segmentBytes: 262_144 },
    lanes: {
      mirror: { sink: postgresSink({ url: settings.targetUrl }), retry },
      kafka: {
        sink: kafkaSink({ brokers, topic, positionTopic: `${topic}-position` }),
        filter: (record) => record.kind === 'event',
        retry,
      },
      handler: { sink: createEffects(settings.targetUrl), retry },
    },
    http: { port: settings.httpPort },
  };
}

/** The effect and the note that it took place share a transaction of the handler's own. */
function createEffects(targetUrl: string): SinkDefinition {
  const pool = new pg.Pool({ connectionString: targetUrl, application_name: handlerApplicationName });
  pool.on('error', () => undefined);
  return handlerSink({
    name: 'effects',
    async handleEvent(event, context) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        if (await context.once(client)) {
          const { account, version } = parseVersion(event.payload);
          await client.query('insert into effect (event_id, account, version) values ($1, $2, $3)', [
            event.id,
            account,
            version,
          ]);
        }
        await client.query('commit');
        client.release();
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
  });
}
