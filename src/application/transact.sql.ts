import { quoteQualified } from '../postgres/quote.ts';
import { locationColumn, sourceMarkColumns } from '../postgres/source-place.sql.ts';
import { outboxColumns } from './emit.sql.ts';

/**
 * Runs behind BEGIN. A setting that SET LOCAL made is there until its transaction ends, whoever ends it: behind a COMMIT or ROLLBACK inside the
 * callback it is gone. It is the one that `emit` looks for, so an event needs one statement then with every client.
 */
export const markStatement = `set local headwater.transaction = 'open'`;

const isOpen = `coalesce(pg_catalog.current_setting('headwater.transaction', true), '') = 'open'`;

/**
 * The last statement before COMMIT: whether the transaction is the one that was begun, its id if it has one, and the server that
 * must be asked for it if the answer to COMMIT is lost. Fails with 25P02 in a transaction that has failed.
 */
const facts = `(${isOpen})::text as open,
  pg_catalog.pg_current_xact_id_if_assigned()::text as xid,
  ${locationColumn}, ${sourceMarkColumns}`;

/** For a unit without events. */
export const beforeCommitStatement: string = `select ${facts}`;

/**
 * Writes `count` events as messages, in order, and says the facts behind them. $1 prefix, from $2 on the contents. Nothing is
 * written outside the transaction.
 */
export function messagesBeforeCommit(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `(${index}, $${index + 2}::bytea)`).join(', ');
  return `with event (place, content) as (values ${rows}),
written as materialized (
  select pg_catalog.pg_logical_emit_message(true, $1::text, content) as lsn
  from (select content from event where ${isOpen} order by place) ordered
)
select (select count(lsn) from written)::text as written, ${facts}`;
}

/** The same for rows of the outbox: for each event the parameters of `outboxColumns`. */
export function outboxBeforeCommit(schemaName: string, count: number): string {
  const names = outboxColumns.map(({ name }) => name).join(', ');
  const rows = Array.from({ length: count }, (_, row) => {
    const first = row * outboxColumns.length + 1;
    return `(${row}, ${outboxColumns.map(({ type }, index) => `$${first + index}::${type}`).join(', ')})`;
  }).join(', ');
  return `with event (place, ${names}) as (values ${rows}),
written as (
  insert into ${quoteQualified(schemaName, 'outbox')} (${names})
  select ${names} from event where ${isOpen} order by place
  returning 1 as one
)
select (select count(one) from written)::text as written, ${facts}`;
}
