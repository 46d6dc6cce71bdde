import '../stage/end-with-parent.ts';
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { postgresSink } from '../../src/delivery/sinks/postgres/postgres-sink.ts';
import type { HeadwaterConfig } from '../../src/service/config-types.ts';
import { pgbenchTables, qualifiedName } from './pgbench-tables.ts';

/** What the scenario decides about the Headwater that it runs. */
export interface PgbenchSettings {
  readonly sourceUrl: string;
  readonly mirrorUrl: string;
  readonly brokers: readonly string[];
  readonly journalDirectory: string;
  readonly httpPort: number;
}

/** All four tables to a second PostgreSQL and to Kafka, with the defaults that a user has. */
export function createPgbenchConfig(settings: PgbenchSettings): HeadwaterConfig {
  return {
    installation: 'pgbench',
    source: {
      url: settings.sourceUrl,
      publication: 'pgbench',
      tables: pgbenchTables.map(qualifiedName),
      create: 'if-missing',
    },
    journal: { directory: settings.journalDirectory },
    lanes: {
      mirror: { sink: postgresSink({ url: settings.mirrorUrl }) },
      kafka: { sink: kafkaSink({ brokers: settings.brokers }) },
    },
    http: { port: settings.httpPort },
  };
}
