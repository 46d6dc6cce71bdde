import { assertInvariant, unreachable } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import type { TransactionEnd, TransactionHandle } from '../../postgres/transaction-handle.ts';
import { type EventStatements, transactionStatusStatement } from './emit.sql.ts';

type Parameters = readonly (string | null | Uint8Array)[];

/** One event, for a transaction that is not a root object. */
export interface EventWrite {
  readonly handle: TransactionHandle;
  readonly mode: 'message' | 'outbox';
  readonly statements: EventStatements;
  readonly parameters: Parameters;
}

/** Writes events and says why one was not written. */
export interface EventWriter {
  /** @throws HW-EMIT-002…005, 012, 013, 015, or the driver's own error. Nothing is written by a call that rejects with 002…005. */
  write(write: EventWrite): Promise<void>;
}

/** The id of the last transaction that an event was written in, by the identity of its handle. */
type TransactionMemory = WeakMap<object, string>;

/** A writer remembers the ids of transactions, so as to tell a committed one from one that was never begun. */
export function createEventWriter(): EventWriter {
  const memory: TransactionMemory = new WeakMap();
  return { write: (write) => writeOnce(memory, write) };
}

async function writeOnce(memory: TransactionMemory, write: EventWrite): Promise<void> {
  const { handle } = write;
  const knownXid = memory.get(handle.identity);
  const state = handle.transactionState;
  if (state === 'failed') throw failedTransaction();
  if (state === 'not-in-transaction') throw await explainClosed(handle, knownXid);
  // A pg client lives through many transactions, so only the objects of a single one are held to the one they began with.
  const expectedXid = handle.isSingleTransaction ? (knownXid ?? null) : null;
  if (state === 'in-transaction' && expectedXid === null) {
    const xid = await runStatement(write, write.statements.known, write.parameters);
    assertInvariant(xid !== undefined, 'a statement that asks nothing writes');
    memory.set(handle.identity, xid);
    return;
  }
  const attempts = expectedXid === null ? 2 : 1;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const xid = await runStatement(write, write.statements.proved, [...write.parameters, expectedXid]);
    if (xid === undefined) continue;
    memory.set(handle.identity, xid);
    return;
  }
  throw await explainClosed(handle, knownXid);
}

/** The id of the transaction that the event was written in. Undefined: it was not written. */
async function runStatement(
  { handle, mode }: EventWrite,
  text: string,
  parameters: Parameters,
): Promise<string | undefined> {
  try {
    const [row] = await handle.query(text, parameters);
    const xid = row?.['xid'];
    return typeof xid === 'string' && xid !== '' ? xid : undefined;
  } catch (thrown) {
    const end = handle.readEnd(thrown);
    throw end === undefined ? toEmitError(thrown, mode) : endedTransaction(handle, end);
  }
}

/** An error with a code of its own where PostgreSQL says that; else the driver's, so that retries on a SQLSTATE go on working. */
export function toEmitError(thrown: unknown, mode: 'message' | 'outbox'): unknown {
  const sqlState = sqlStateOf(thrown);
  if (sqlState === '25P02') return failedTransaction(thrown);
  if (sqlState === '42501') {
    return new HeadwaterError('HW-EMIT-013', `the role may not write events in mode ${mode}`, { cause: thrown });
  }
  if (sqlState === '25006') {
    return new HeadwaterError('HW-EMIT-015', 'the server or the transaction is read-only', { cause: thrown });
  }
  if (mode === 'outbox' && sqlState !== undefined && missingObjectStates.has(sqlState)) {
    const message = 'the outbox table, its schema or one of its columns is not there';
    return new HeadwaterError('HW-EMIT-012', message, { cause: thrown });
  }
  return thrown;
}

/** No such table, column or schema. */
const missingObjectStates: ReadonlySet<string> = new Set(['42P01', '42703', '3F000']);

/** Which of the misuses left the gate closed. */
async function explainClosed(handle: TransactionHandle, knownXid: string | undefined): Promise<HeadwaterError> {
  const end = knownXid === undefined ? undefined : await readRememberedEnd(handle, knownXid);
  if (end !== undefined || handle.isSingleTransaction) return endedTransaction(handle, end ?? 'ended');
  const message = 'no transaction is open on the connection that emit was given';
  return new HeadwaterError('HW-EMIT-004', message, { details: { kind: handle.kind } });
}

/** PostgreSQL keeps the outcome of a transaction id for a long time. Undefined when it cannot be had. */
async function readRememberedEnd(handle: TransactionHandle, xid: string): Promise<TransactionEnd | undefined> {
  try {
    const [row] = await handle.query(transactionStatusStatement, [xid]);
    if (row?.['status'] === 'committed') return 'committed';
    return row?.['status'] === 'aborted' ? 'rolled-back' : undefined;
  } catch (thrown) {
    // The refusal stands without it; the connection may be gone, or be in another, failed transaction by now.
    return handle.readEnd(thrown);
  }
}

function endedTransaction({ kind }: TransactionHandle, end: TransactionEnd): HeadwaterError {
  switch (end) {
    case 'committed':
      return new HeadwaterError('HW-EMIT-002', 'emit was called after the transaction had committed');
    case 'rolled-back':
      return new HeadwaterError('HW-EMIT-003', 'emit was called after the transaction had been rolled back');
    case 'ended':
      return new HeadwaterError('HW-EMIT-004', `the ${kind} transaction that emit was given has ended`, {
        details: { kind },
      });
    default:
      return unreachable(end);
  }
}

function failedTransaction(cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW-EMIT-005', 'emit was called in a transaction that has failed', { cause });
}
