import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../../postgres/quote.ts';

/*
 * What the sink keeps in its target: version 1. Numbered, append-only migrations as in the source's own schema, recorded in a
 * table of their own, because both may live in one schema with different writers.
 */

/** The version that this release makes and knows. */
export const sinkObjectsVersion = 1;

/** The statements that lead from version 0 to 1. */
export function createSinkObjects(schemaName: string): readonly string[] {
  const schema = quoteIdentifier(schemaName);
  return [
    `create table ${schema}.sink_schema_version (
  version integer primary key,
  applied_at timestamptz not null default now()
)`,
    `create table ${schema}.checkpoint (
  installation text not null,
  lane text not null,
  epoch bigint not null,
  journal_id text,
  sequence numeric(20),
  record_count integer,
  system_id text,
  timeline bigint,
  commit_end_lsn numeric(20),
  commit_time_micros numeric(20),
  moved_at timestamptz,
  primary key (installation, lane)
)`,
    `create table ${schema}.mirrored_table (
  installation text not null,
  lane text not null,
  source_schema text not null,
  source_table text not null,
  target_schema text not null,
  target_table text not null,
  is_owned boolean not null,
  columns text not null,
  primary key (installation, lane, source_schema, source_table)
)`,
    `comment on table ${schema}.checkpoint is ${quoteLiteral('How far each lane of Headwater has written into this database. Moved in the transaction of the rows.')}`,
    `comment on table ${schema}.mirrored_table is ${quoteLiteral('Tables that Headwater mirrors into this database, and whether it made them.')}`,
    `insert into ${schema}.sink_schema_version (version) values (1)`,
  ];
}

/** The SQL for people and other migration tools: run once in the target by whoever may create tables there. */
export function printSinkSql(schemaName = 'headwater'): string {
  return `create schema if not exists ${quoteIdentifier(schemaName)};\n\n${createSinkObjects(schemaName).join(';\n\n')};\n`;
}

/** What the role that the sink logs in as needs on the objects of `printSinkSql`; rights on the mirrored tables come on top. */
export function printSinkGrants(roleName: string, schemaName = 'headwater'): string {
  const role = quoteIdentifier(roleName);
  const [checkpoint, mirrored, version] = ['checkpoint', 'mirrored_table', 'sink_schema_version'].map((name) =>
    quoteQualified(schemaName, name),
  );
  return `grant usage on schema ${quoteIdentifier(schemaName)} to ${role};
grant select, insert, update on ${checkpoint}, ${mirrored} to ${role};
grant select on ${version} to ${role};
`;
}

/**
 * Whether the schema and the record of versions are there. Neither needs a right. Reads the catalogs themselves: a session may
 * remember from before it waited for the lock that `to_regnamespace` and `to_regclass` found nothing.
 */
export function findObjectsSql(schemaName: string): string {
  const schema = quoteLiteral(schemaName);
  return `select exists (select 1 from pg_catalog.pg_namespace where nspname = ${schema})::text as has_schema,
  exists (select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relname = 'sink_schema_version')::text as has_objects`;
}

/** The newest version that was applied. */
export function readVersionSql(schemaName: string): string {
  return `select max(version)::text as version from ${quoteQualified(schemaName, 'sink_schema_version')}`;
}

/** Lets one create at a time. Held until the transaction ends. */
export function lockObjectsSql(schemaName: string): string {
  return `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(${quoteLiteral(`headwater-sink:${schemaName}`)}, 0))::text`;
}
