import { quoteQualified } from '../postgres/quote.ts';

/*
 * Each statement writes an event if and only if it runs inside a transaction block, and says whether it did. No client knows
 * that for certain: what was sent before and not awaited may end the transaction first. The server has no function for it
 * either, but two facts that only hold inside one: a transaction id that an earlier statement was given, and a setting that
 * an earlier statement made with SET LOCAL. (Time stamps do not tell: in the extended protocol a single statement, too, has
 * a statement_timestamp() behind its transaction_timestamp().)
 *
 * The gate is open
 *   - when $1 names a transaction: in that transaction and no other;
 *   - when $2 says that the client knows: always;
 *   - else when the transaction has an id already, or ran one of these statements already.
 * A closed gate makes the setting, so that the same statement, sent again, finds it open inside a transaction block. Outside
 * of one the setting ends with the statement, and the gate stays closed.
 *
 * Names of columns are single words: a plugin of the query builder may rewrite others. Parameters are texts (or bytes) and
 * results are texts: what a library knows of other types does not matter then.
 */
const gate = `gate as materialized (
  select case
    when $1::text is not null then pg_catalog.pg_current_xact_id_if_assigned()::text = $1::text
    when $2::text = 'known' then true
    else pg_catalog.pg_current_xact_id_if_assigned() is not null
      or pg_catalog.current_setting('headwater.transaction', true) = 'open'
  end is true as open
)`;

const verdict = `open::text as written,
  case when open then pg_catalog.pg_current_xact_id()::text end as xid,
  case when not open and $1::text is null then pg_catalog.set_config('headwater.transaction', 'open', true) end as gate`;

/** $3 prefix, $4 content. Always transactional: nothing of it is decoded when the transaction rolls back. */
export const emitMessageStatement: string = `with ${gate}
select case when open then pg_catalog.pg_logical_emit_message(true, $3::text, $4::bytea)::text end as lsn,
  ${verdict}
from gate`;

/** The outbox's columns in the order of the parameters, from $3 on. */
export const outboxColumns: readonly { readonly name: string; readonly type: string }[] = [
  { name: 'id', type: 'uuid' },
  { name: 'envelope_version', type: 'smallint' },
  { name: 'type', type: 'text' },
  { name: 'schema_version', type: 'integer' },
  { name: 'key', type: 'text' },
  { name: 'key_version', type: 'text' },
  { name: 'tenant', type: 'text' },
  { name: 'source', type: 'text' },
  { name: 'occurred_at', type: 'timestamptz' },
  { name: 'traceparent', type: 'text' },
  { name: 'correlation_id', type: 'text' },
  { name: 'causation_id', type: 'text' },
  { name: 'headers', type: 'jsonb' },
  { name: 'content_type', type: 'text' },
  { name: 'payload', type: 'bytea' },
];

/** Needs INSERT on the table and nothing else: no SELECT, no sequence. */
export function emitOutboxStatement(schemaName: string): string {
  const names = outboxColumns.map((column) => column.name).join(', ');
  const values = outboxColumns.map((column, index) => placeholder(index + 3, column.type)).join(', ');
  return `with ${gate},
written as (insert into ${quoteQualified(schemaName, 'outbox')} (${names}) select ${values} from gate where open)
select ${verdict}
from gate`;
}

/** A text in front of the cast: libraries that ask the server for the type of a parameter would rewrite a date or JSON. */
function placeholder(number: number, type: string): string {
  return type === 'bytea' ? `$${number}::bytea` : `$${number}::text::${type}`;
}

/** How the transaction of an earlier event ended. */
export const transactionStatusStatement = 'select pg_catalog.pg_xact_status($1::text::xid8) as status';
