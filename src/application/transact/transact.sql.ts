import { quoteQualified } from '../../postgres/quote.ts';
import { backendMarks } from '../../postgres/source-place.sql.ts';
import { outboxColumns, placeholder } from '../emit/emit.sql.ts';

/*
 * The last statement before COMMIT says in one text what must be known by then (`readBeforeCommit`): whether the transaction is the one
 * that was begun, its id, and the process of the server that must be asked for it if the answer to COMMIT is lost. It fails with 25P02
 * in a transaction that has failed. It has few functions and casts: PostgreSQL takes longer to look each up than to run it.
 */

/**
 * Runs behind BEGIN. A setting that SET LOCAL made is there until its transaction ends, whoever ends it: behind a COMMIT or ROLLBACK inside the
 * callback it is gone. It is the one that `emit` looks for, so an event needs one statement then with every client.
 */
export const markStatement = `set local headwater.transaction = 'open'`;

const mark = `pg_catalog.current_setting('headwater.transaction', true)`;

/** Null where nobody has ever made the setting: for a CASE or a WHERE that is as good as false. */
const isOpen = `${mark} = 'open'`;

/**
 * Of a unit without events. One that wrote nothing has no id, and then the place of the server is enough for its token; others are told
 * behind their COMMIT. Fails with 55000 on a standby.
 */
export const beforeCommitStatement: string = `select pg_catalog.concat_ws(' ', ${mark}, pg_catalog.pg_current_xact_id_if_assigned(),
  pg_catalog.pg_current_wal_insert_lsn(), ${backendMarks}) as facts`;

/**
 * Said only behind a gate that was open. What an event was written in has an id in any case, so it does not matter which of the two is
 * evaluated first.
 */
const behindEvents = `pg_catalog.concat_ws(' ', 'open', pg_catalog.pg_current_xact_id(), ${backendMarks})`;

/** One event as a message: $1 prefix, $2 content. */
const messageBeforeCommit = `select case when ${isOpen} then
    case when pg_catalog.pg_logical_emit_message(true, $1::text, $2::bytea) is not null then ${behindEvents} end end as facts`;

/**
 * Writes `count` events as messages, in order. $1 prefix, from $2 on the contents. Nothing is written outside the transaction. For a
 * single one PostgreSQL would plan the order for longer than it writes.
 */
export function messagesBeforeCommit(count: number): string {
  if (count === 1) return messageBeforeCommit;
  const rows = Array.from({ length: count }, (_, index) => `(${index}, $${index + 2}::bytea)`).join(', ');
  return `with event (place, content) as (values ${rows}),
written as materialized (
  select pg_catalog.pg_logical_emit_message(true, $1::text, content) as lsn
  from (select content from event where ${isOpen} order by place) ordered
)
select case when (select count(lsn) from written) = ${count} then ${behindEvents} end as facts`;
}

/** The same for rows of the outbox: for each event the parameters of `outboxColumns`. */
export function outboxBeforeCommit(schemaName: string, count: number): string {
  const names = outboxColumns.map(({ name }) => name).join(', ');
  const rows = Array.from({ length: count }, (_, row) => {
    const first = row * outboxColumns.length + 1;
    return `(${row}, ${outboxColumns.map(({ type }, index) => placeholder(first + index, type)).join(', ')})`;
  }).join(', ');
  return `with event (place, ${names}) as (values ${rows}),
written as (
  insert into ${quoteQualified(schemaName, 'outbox')} (${names})
  select ${names} from event where ${isOpen} order by place
  returning 1 as one
)
select case when (select count(one) from written) = ${count} then ${behindEvents} end as facts`;
}
