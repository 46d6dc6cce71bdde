create schema if not exists "headwater";

create table "headwater".schema_version (
  version integer primary key,
  applied_at timestamptz not null default now()
);

create table "headwater".outbox (
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
);

create table "headwater".inbox (
  installation text not null,
  consumer text not null,
  message_id text not null,
  received_at timestamptz not null default now(),
  primary key (installation, consumer, message_id)
);

comment on schema "headwater" is 'Headwater: events to be delivered, and receipts of delivered ones';

comment on table "headwater".outbox is 'Events, in the transaction that they speak of. Insert only; an INSERT is delivered, nothing else is.';

comment on table "headwater".inbox is 'Messages that a consumer has taken effect of, in the transaction of that effect.';

comment on table "headwater".schema_version is 'One row for each applied migration of this schema.';

insert into "headwater".schema_version (version) values (1);

alter table "headwater".inbox add column fingerprint bytea, add column reply json;

create index inbox_received on "headwater".inbox (consumer, received_at);

create table "headwater".inbox_consumer (
  consumer text primary key,
  retention_ms bigint not null,
  removed_before timestamptz not null default '-infinity',
  first_seen_at timestamptz not null default now()
);

create table "headwater".inbox_key (
  installation text not null,
  consumer text not null,
  key text not null,
  version bigint not null,
  primary key (installation, consumer, key)
);

create table "headwater".inbox_held (
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
);

create index inbox_held_key on "headwater".inbox_held (installation, consumer, key, version) where version is not null;

create table "headwater".inbox_effect (
  idempotency_key text primary key,
  installation text not null,
  consumer text not null,
  message_id text not null,
  effect text not null,
  state text not null,
  result json,
  begun_at timestamptz not null default clock_timestamp(),
  constraint inbox_effect_state check (state in ('begun', 'done', 'unknown'))
);

comment on table "headwater".inbox_consumer is 'Each inbox that was used, and up to when its receipts were removed.';

comment on table "headwater".inbox_key is 'The last version of each key that an ordered inbox has taken effect of.';

comment on table "headwater".inbox_held is 'Messages that an inbox has set aside, with the reason: waiting for one before them, parked, or discarded.';

comment on table "headwater".inbox_effect is 'Effects outside the database that an inbox has begun, and what came of them.';

insert into "headwater".schema_version (version) values (2);

create table "headwater".idempotency_key (
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
);

create index idempotency_key_unfinished on "headwater".idempotency_key (leased_until) where finished_at is null;

create index idempotency_key_expiry on "headwater".idempotency_key (expires_at) where finished_at is not null;

comment on table "headwater".idempotency_key is 'Keys of requests: who runs one, how far it is, and the answer that a repeated request gets.';

insert into "headwater".schema_version (version) values (3);
