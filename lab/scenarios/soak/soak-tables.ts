import { printSql } from '../../../src/postgres/database-objects.ts';
import { effectSql } from '../../crash/shop.ts';
import type { PgbenchTable } from '../pgbench-tables.ts';

/** Name of the installation. */
export const soakInstallation = 'soak';

/** Rows that live, change their keys and die; some have a value that PostgreSQL keeps out of line. */
export const partTable: PgbenchTable = {
  name: 'soak_part',
  columns: ['id', 'version', 'note', 'body'],
  keyColumn: 'id',
};
/** Rows that come, and go all together by TRUNCATE. */
export const batchTable: PgbenchTable = { name: 'soak_batch', columns: ['id', 'note'], keyColumn: 'id' };
/** What is published. */
export const soakTables: readonly PgbenchTable[] = [partTable, batchTable];

/** The source. Events leave no row behind, so each is noted in a table that is not published, in its own transaction. */
export const sourceSql = `
create table soak_part (id bigint primary key, version integer not null, note text, body text);
alter table soak_part alter column body set storage external;
create table soak_batch (id bigint primary key, note text);
create table soak_sent (id text primary key, type text not null)`;

/** What the handler writes beside its inbox, in the server of the mirror. */
export const handlerSql: string = `${printSql()}
${effectSql};
create table soak_effect (place bigserial primary key, id text not null unique, subject text not null, value text not null)`;

/** The type of events that receiver and handler refuse until the mend. */
export const refusedType = 'soak.refused';
/** What Kafka and RabbitMQ take until the mend, in bytes; records that are poisoned by their size are larger. */
export const recordBytesMax = 100_000;
