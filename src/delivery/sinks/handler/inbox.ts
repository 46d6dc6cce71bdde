import { HeadwaterError } from '../../../foundation/error.ts';
import { sqlStateOf } from '../../../postgres/sql-state.ts';
import { insertReceiptStatement, type ReceiptScope } from '../../../postgres/inbox-receipt.ts';
import { quoteQualified } from '../../../postgres/quote.ts';
import { recognizeTransactionHandle } from '../../../postgres/recognize-transaction.ts';
import type { TransactionEnd } from '../../../postgres/transaction-handle.ts';

/**
 * Notes a message in the inbox, inside the transaction that `candidate` stands for. True: it was not there. A second
 * transaction with the same message waits for the first one's end, so that never both are the first.
 *
 * Whether a transaction is open is asked of the client where it knows, else of the server in the statement itself: outside of
 * one the row would commit alone, and the effect would be lost with the next failure.
 * @throws HW-SINK-053, HW-SINK-054, or the driver's own error.
 */
export async function noteMessage(candidate: unknown, inbox: ReceiptScope, messageId: string): Promise<boolean> {
  const handle = recognizeTransactionHandle(candidate);
  if (handle === undefined) throw refuse('the value is no transaction of a client library that is known here');
  if (handle.isRoot) throw refuse(`the ${handle.kind} object is a pool or a root object, not a transaction`);
  const state = handle.transactionState;
  if (state === 'not-in-transaction') throw refuse(`no transaction is open on the ${handle.kind} object`);
  if (state === 'failed') throw refuse(`the transaction of the ${handle.kind} object has failed`);
  try {
    if (state === 'unknown') await assertServerInTransaction(handle);
    const rows = await handle.query(insertReceiptStatement(inbox.schemaName), [
      inbox.installation,
      inbox.consumer,
      messageId,
    ]);
    return rows.length > 0;
  } catch (thrown) {
    throw explain(thrown, inbox, handle.readEnd(thrown));
  }
}

/** Outside a transaction block, now() is the time of the statement, and a setting that is local to the transaction is lost. */
async function assertServerInTransaction(handle: {
  query(text: string, parameters: readonly string[]): Promise<readonly object[]>;
}): Promise<void> {
  await handle.query(`select pg_catalog.set_config('headwater.inbox', 'open', true)`, []);
  const [row] = await handle.query(`select pg_catalog.current_setting('headwater.inbox', true) as state`, []);
  if (row === undefined || Reflect.get(row, 'state') !== 'open') throw refuse('no transaction is open');
}

function explain(thrown: unknown, inbox: ReceiptScope, end: TransactionEnd | undefined): unknown {
  if (thrown instanceof HeadwaterError) return thrown;
  if (end !== undefined) return refuse(`the transaction is ${end} already`);
  const sqlState = sqlStateOf(thrown);
  if (sqlState !== '42P01' && sqlState !== '42501' && sqlState !== '3F000') return thrown;
  const table = quoteQualified(inbox.schemaName, 'inbox');
  const message = sqlState === '42501' ? `the role may not insert into ${table}` : `the table ${table} does not exist`;
  return new HeadwaterError('HW-SINK-053', message, {
    details: { sqlState },
    hint: `Run the migrations of Headwater in this database, or: create table ${table} (installation text, consumer text, message_id text, received_at timestamptz not null default now(), primary key (installation, consumer, message_id)); and grant select, insert on it.`,
  });
}

function refuse(reason: string): HeadwaterError {
  return new HeadwaterError('HW-SINK-054', `context.once needs an open transaction: ${reason}`);
}
