import { quoteIdentifier, quoteLiteral } from './quote.ts';

/** One step of the schema: applied once, in order, and never edited after a release. */
export interface Migration {
  /** 1, 2, 3, … */
  readonly version: number;
  /** Whether a release that knows only the version before can go on working beside it. */
  readonly compatibility: 'compatible' | 'breaking';
  readonly summary: string;
  /** Statements without a semicolon at the end. */
  readonly statements: (schemaName: string) => readonly string[];
}

/*
 * Every row names its installation (`source` of an event), so that two installations share one schema, or have one each.
 * The constraints of the outbox are the limits of the event envelope: whatever the table takes, every reader can read.
 */
const firstMigration: Migration = {
  version: 1,
  compatibility: 'breaking',
  summary: 'outbox, inbox and the record of migrations',
  statements(schemaName) {
    const schema = quoteIdentifier(schemaName);
    return [
      `create schema if not exists ${schema}`,
      `create table ${schema}.schema_version (
  version integer primary key,
  applied_at timestamptz not null default now()
)`,
      `create table ${schema}.outbox (
  id uuid primary key,
  envelope_version smallint not null default 1,
  type text not null,
  schema_version integer not null default 1,
  key text,
  key_version text,
  tenant text,
  source text not null,
  occurred_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  traceparent text,
  correlation_id text,
  causation_id text,
  headers jsonb not null default '{}',
  content_type text not null default 'application/json',
  payload bytea not null,
  constraint outbox_envelope_version check (envelope_version = 1),
  constraint outbox_type check (char_length(type) between 1 and 255),
  constraint outbox_schema_version check (schema_version >= 1),
  constraint outbox_key check (char_length(key) between 1 and 1024),
  constraint outbox_key_version check (char_length(key_version) between 1 and 255),
  constraint outbox_tenant check (char_length(tenant) between 1 and 255),
  constraint outbox_source check (char_length(source) between 1 and 63),
  constraint outbox_occurred_at check (occurred_at >= '0001-01-01 00:00:00+00' and occurred_at < '10000-01-01 00:00:00+00'),
  constraint outbox_traceparent check (traceparent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
  constraint outbox_correlation_id check (char_length(correlation_id) between 1 and 255),
  constraint outbox_causation_id check (char_length(causation_id) between 1 and 255),
  constraint outbox_headers check (
    jsonb_typeof(headers) = 'object'
    and not jsonb_path_exists(headers, '$.* ? (@.type() != "string")')
    and not jsonb_path_exists(headers, '$.keyvalue() ? (@.key == "" || @.key like_regex "^.{255}." flag "s")')
    and octet_length(headers::text) <= 65536
  ),
  constraint outbox_content_type check (char_length(content_type) between 1 and 255)
)`,
      `create table ${schema}.inbox (
  installation text not null,
  consumer text not null,
  message_id text not null,
  received_at timestamptz not null default now(),
  primary key (installation, consumer, message_id)
)`,
      `comment on schema ${schema} is ${quoteLiteral('Headwater: events to be delivered, and receipts of delivered ones')}`,
      `comment on table ${schema}.outbox is ${quoteLiteral('Events, in the transaction that they speak of. Insert only; an INSERT is delivered, nothing else is.')}`,
      `comment on table ${schema}.inbox is ${quoteLiteral('Messages that a consumer has taken effect of, in the transaction of that effect.')}`,
      `comment on table ${schema}.schema_version is ${quoteLiteral('One row for each applied migration of this schema.')}`,
    ];
  },
};

/*
 * What `inbox` keeps beside its receipts. The new columns are null in the receipts of handlers, which an older release goes on
 * writing, so that both work side by side. Every row is of a consumer and of the installation that the message came from.
 */
const inboxMigration: Migration = {
  version: 2,
  compatibility: 'compatible',
  summary: 'replies, order, held messages and external effects of inboxes',
  statements(schemaName) {
    const schema = quoteIdentifier(schemaName);
    return [
      `alter table ${schema}.inbox add column fingerprint bytea, add column reply json`,
      `create index inbox_received on ${schema}.inbox (consumer, received_at)`,
      `create table ${schema}.inbox_consumer (
  consumer text primary key,
  retention_ms bigint not null,
  removed_before timestamptz not null default '-infinity',
  first_seen_at timestamptz not null default now()
)`,
      `create table ${schema}.inbox_key (
  installation text not null,
  consumer text not null,
  key text not null,
  version bigint not null,
  primary key (installation, consumer, key)
)`,
      `create table ${schema}.inbox_held (
  installation text not null,
  consumer text not null,
  message_id text not null,
  state text not null,
  reason text not null,
  key text,
  version bigint,
  envelope json not null,
  content bytea,
  held_at timestamptz not null default now(),
  primary key (installation, consumer, message_id),
  constraint inbox_held_state check (state in ('waiting', 'parked', 'discarded'))
)`,
      `create index inbox_held_key on ${schema}.inbox_held (installation, consumer, key, version) where version is not null`,
      `create table ${schema}.inbox_effect (
  idempotency_key text primary key,
  installation text not null,
  consumer text not null,
  message_id text not null,
  effect text not null,
  state text not null,
  result json,
  begun_at timestamptz not null default clock_timestamp(),
  constraint inbox_effect_state check (state in ('begun', 'done', 'unknown'))
)`,
      `comment on table ${schema}.inbox_consumer is ${quoteLiteral('Each inbox that was used, and up to when its receipts were removed.')}`,
      `comment on table ${schema}.inbox_key is ${quoteLiteral('The last version of each key that an ordered inbox has taken effect of.')}`,
      `comment on table ${schema}.inbox_held is ${quoteLiteral('Messages that an inbox has set aside, with the reason: waiting for one before them, parked, or discarded.')}`,
      `comment on table ${schema}.inbox_effect is ${quoteLiteral('Effects outside the database that an inbox has begun, and what came of them.')}`,
    ];
  },
};

/*
 * One row for each key that a client chose, within its principal and operation. What is running has a lease; each take-over
 * raises its epoch, and every statement of a holder names the epoch that it was given. Times are the database's alone.
 */
const idempotencyMigration: Migration = {
  version: 3,
  compatibility: 'compatible',
  summary: 'idempotency keys of requests',
  statements(schemaName) {
    const table = `${quoteIdentifier(schemaName)}.idempotency_key`;
    return [
      `create table ${table} (
  installation text not null,
  principal text not null,
  operation text not null,
  key text not null,
  fingerprint bytea not null,
  run_id uuid not null default gen_random_uuid(),
  context jsonb not null default '{}',
  input text,
  recovery_point text not null default 'started',
  steps jsonb not null default '[]',
  lease_holder text,
  lease_epoch bigint not null default 1,
  leased_until timestamptz,
  attempt_count integer not null default 1,
  response_status smallint,
  response_headers jsonb,
  response_body bytea,
  created_at timestamptz not null default now(),
  locked_at timestamptz not null default now(),
  finished_at timestamptz,
  expires_at timestamptz not null,
  primary key (installation, principal, operation, key),
  constraint idempotency_key_installation check (char_length(installation) between 1 and 63),
  constraint idempotency_key_principal check (char_length(principal) between 1 and 255),
  constraint idempotency_key_operation check (char_length(operation) between 1 and 255),
  constraint idempotency_key_key check (char_length(key) between 1 and 255),
  constraint idempotency_key_recovery_point check (char_length(recovery_point) between 1 and 63),
  constraint idempotency_key_context check (jsonb_typeof(context) = 'object'),
  constraint idempotency_key_steps check (jsonb_typeof(steps) = 'array'),
  constraint idempotency_key_lease_epoch check (lease_epoch >= 1),
  constraint idempotency_key_running check (
    finished_at is not null or (input is not null and lease_holder is not null and leased_until is not null)
  ),
  constraint idempotency_key_finished check (
    (finished_at is null and response_status is null and response_headers is null and response_body is null)
    or (
      finished_at is not null and response_status between 200 and 599 and response_headers is not null
      and response_body is not null and input is null and leased_until is null
    )
  )
)`,
      `create index idempotency_key_unfinished on ${table} (leased_until) where finished_at is null`,
      `create index idempotency_key_expiry on ${table} (expires_at) where finished_at is not null`,
      `comment on table ${table} is ${quoteLiteral('Keys of requests: who runs one, how far it is, and the answer that a repeated request gets.')}`,
    ];
  },
};

/** All migrations in order. Append-only: what stands here was released. */
export const migrations: readonly Migration[] = [firstMigration, inboxMigration, idempotencyMigration];

/** Lets one migrate at a time. Held until the transaction ends. */
export function lockStatement(schemaName: string): string {
  return `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(${quoteLiteral(`headwater:${schemaName}`)}, 0))`;
}

/** Whether the record of migrations is there at all. */
export function recordExistsStatement(schemaName: string): string {
  return `select count(*)::text as count from pg_catalog.pg_tables where schemaname = ${quoteLiteral(schemaName)} and tablename = 'schema_version'`;
}

/** The versions that were applied. */
export function appliedVersionsStatement(schemaName: string): string {
  return `select version::text as version from ${quoteIdentifier(schemaName)}.schema_version order by schema_version.version`;
}

/** Records an applied migration, in the migration's own transaction. */
export function recordStatement(schemaName: string, version: number): string {
  return `insert into ${quoteIdentifier(schemaName)}.schema_version (version) values (${version})`;
}
