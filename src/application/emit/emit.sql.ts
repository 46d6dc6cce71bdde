import { quoteQualified } from '../../postgres/quote.ts';

/*
 * Each statement writes one event and gives back the id of the transaction that it was written in, as `xid`.
 *
 * `proved` writes if and only if it runs inside a transaction block, and gives no id otherwise. No client knows that for certain
 * as long as something that was sent before and not awaited may end the transaction first. The server has no function for it
 * either, but two facts that only hold inside one: a transaction id that an earlier statement was given, and a setting that
 * an earlier statement made with SET LOCAL. (Time stamps do not tell: in the extended protocol a single statement, too, has
 * a statement_timestamp() behind its transaction_timestamp().) The gate is open
 *   - when the last parameter names a transaction: in that transaction and no other;
 *   - else when the transaction has an id already, or ran one of these statements already.
 * A closed gate makes the setting, so that the same statement, sent again, finds it open inside a transaction block. Outside
 * of one the setting ends with the statement, and the gate stays closed.
 *
 * `known` is for a connection that has said so itself and has nothing under way: it asks nothing, at half the price.
 *
 * Everything that depends on the gate stands in one CASE, which asks for it once; a CTE for it would cost as much as the event
 * itself. Names of columns are single words: a plugin of the query builder may rewrite others. Parameters are texts (or bytes)
 * and results are texts: what a library knows of other types does not matter then.
 */

/** The same event for both kinds of transaction. The parameters of `known`, and for `proved` one more: an id, or null. */
export interface EventStatements {
  readonly known: string;
  readonly proved: string;
}

/** The id of the transaction; a message or row of it has one. */
const xid = 'pg_catalog.pg_current_xact_id()::text';

function isOpen(expected: string): string {
  return `case when ${expected}::text is not null then pg_catalog.pg_current_xact_id_if_assigned()::text = ${expected}::text
    else pg_catalog.pg_current_xact_id_if_assigned() is not null
      or pg_catalog.current_setting('headwater.transaction', true) = 'open' end`;
}

const openGate = `pg_catalog.set_config('headwater.transaction', 'open', true)`;
const writeMessage = 'pg_catalog.pg_logical_emit_message(true, $1::text, $2::bytea)::text';

/** $1 prefix, $2 content. Always transactional: nothing of it is decoded when the transaction rolls back. */
export const emitMessageStatements: EventStatements = {
  known: `select ${writeMessage} as lsn, ${xid} as xid`,
  proved: `select case when ${isOpen('$3')} then ${xid} || pg_catalog.left(${writeMessage}, 0)
  when $3::text is null then pg_catalog.left(${openGate}, 0) end as xid`,
};

/** The outbox's columns in the order of the parameters. */
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

/** For the columns that an event has, each of which costs time. Needs INSERT on the table and nothing else: no SELECT, no sequence. */
export function emitOutboxStatements(schemaName: string, columns: typeof outboxColumns): EventStatements {
  const names = columns.map((column) => column.name).join(', ');
  const values = columns.map((column, index) => placeholder(index + 1, column.type)).join(', ');
  const insert = `insert into ${quoteQualified(schemaName, 'outbox')} (${names})`;
  const expected = `$${columns.length + 1}`;
  return {
    known: `${insert} values (${values}) returning ${xid} as xid`,
    proved: `${insert} select ${values}
where case when ${isOpen(expected)} then true when ${expected}::text is null then ${openGate} = '' else false end
returning ${xid} as xid`,
  };
}

/** A text in front of the cast: libraries that ask the server for the type of a parameter would rewrite a date or JSON. */
export function placeholder(number: number, type: string): string {
  return type === 'bytea' ? `$${number}::bytea` : `$${number}::text::${type}`;
}

/** How the transaction of an earlier event ended. */
export const transactionStatusStatement = 'select pg_catalog.pg_xact_status($1::text::xid8) as status';
