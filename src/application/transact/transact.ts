import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Random, systemRandom } from '../../foundation/random.ts';
import type { Lsn } from '../../model/lsn.ts';
import { encodeVersionToken, type TokenEntry } from '../../model/version-token.ts';
import type { DatabaseHandle, TransactionRun } from '../../postgres/database-handle.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import { backendPlaceStatement, commitLocationStatement } from '../../postgres/source-place.sql.ts';
import {
  createTokenEntry,
  explainPlaceError,
  KnownServers,
  type SourceFacts,
  toTokenEntry,
} from '../../postgres/source-place.ts';
import type { ResultRow, TransactionHandle } from '../../postgres/transaction-handle.ts';
import { isConflict, isDefiniteRefusal, sqlStateOf } from '../../postgres/sql-state.ts';
import { readLadder } from './boundary-ladder.ts';
import { readBeforeCommit } from './before-commit.ts';
import { createEventPreparer, type PrepareEvent } from '../emit/emit.ts';
import { GatheredEvents } from './gathered-events.ts';
import { watchUnit } from '../guard/watched-unit.ts';
import { type Attempted, repeatConflicts, runTransaction } from './run-transaction.ts';
import { judgeCommitAnswer } from './transaction-decisions.ts';
import { encodeReceipt, type ReceiptRecord } from './receipt-text.ts';
import { indeterminateError, settleOutcome } from './settle-outcome.ts';
import { markStatement } from './transact.sql.ts';
import { resolveTransactOptions, type ResolvedTransactOptions } from './transact-options.ts';
import type { Receipt, TransactOptions, TransactorOptions, UnitOfWork } from './transact-types.ts';
import type { TransactionOf } from './transaction-of.ts';
import { assertNoUnit, runUnit } from './unit-scope.ts';

/**
 * Runs a unit of work in a transaction that is begun and committed for it, and says what became of it.
 *
 * Resolves only for what PostgreSQL has committed. A serialization failure or a deadlock (40001, 40P01) is run again, within
 * `retry`; an error of the callback rolls back and is the error of the call. When the connection is lost during COMMIT, PostgreSQL is
 * asked for the outcome; nothing is run again then. An error that knows says so: see `readOutcome`. What a hook of the library throws
 * behind the COMMIT is not heard of: the unit is committed then.
 *
 * @throws HW-TRANSACT codes, HW-TOKEN-006, what the callback throws, `signal.reason` on cancel
 */
export type Transact = <Database extends object, Result>(
  database: Database,
  work: (tx: TransactionOf<Database>, unit: UnitOfWork) => Promise<Result>,
  options?: TransactOptions,
) => Promise<Receipt<Result>>;

interface Settings {
  readonly prepare: PrepareEvent;
  readonly schemaName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly defaults: Omit<TransactOptions, 'signal'>;
  readonly servers: KnownServers;
}

/** Makes a `transact` of its own settings. Reads nothing and starts nothing. @throws HW-TRANSACT-013 */
export function createTransactor(options: TransactorOptions = {}): Transact {
  const settings: Settings = {
    prepare: createEventPreparer(options),
    schemaName: options.schemaName ?? 'headwater',
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    defaults: options.defaults ?? {},
    servers: new KnownServers(),
  };
  resolveTransactOptions(settings.defaults);
  return (database, work, callOptions) => transactWith(settings, { database, work, options: callOptions ?? {} });
}

/** Runs units of work with every default: events as logical messages of the installation `main`. */
export const transact: Transact = createTransactor();

interface Call<Database, Result> {
  readonly database: Database;
  readonly work: (tx: TransactionOf<Database>, unit: UnitOfWork) => Promise<Result>;
  readonly options: TransactOptions;
}

async function transactWith<Database extends object, Result>(
  settings: Settings,
  { database, options, work }: Call<Database, Result>,
): Promise<Receipt<Result>> {
  const handle = assertDatabase(database);
  assertNoUnit(database);
  const resolved = resolveTransactOptions({ ...settings.defaults, ...options });
  const { clock, random } = settings;
  const { retry, signal } = resolved;
  const repeated = await repeatConflicts(
    (attempt) => runOnce({ settings, handle, database, work, options: resolved, attempt }),
    { policy: { ...retry, maxAttempts: retry.attemptsMax }, clock, random, signal },
  );
  if (repeated.kind === 'done') return repeated.result;
  throw usedUp(repeated.conflict, repeated.attempts);
}

function usedUp(cause: unknown, attempts: number): HeadwaterError {
  const message = `the transaction met others at each of ${attempts} attempts`;
  return new HeadwaterError('HW-TRANSACT-006', message, { details: { outcome: 'not-applied', attempts }, cause });
}

function assertDatabase(database: object): DatabaseHandle {
  const handle = recognizeDatabaseHandle(database);
  if (handle !== undefined) return handle;
  const transaction = recognizeTransactionHandle(database);
  if (transaction !== undefined && !transaction.isRoot) {
    throw new HeadwaterError(
      'HW-TRANSACT-001',
      `transact was given a transaction or a single connection (${transaction.kind})`,
    );
  }
  const name = database?.constructor?.name ?? typeof database;
  throw new HeadwaterError('HW-TRANSACT-002', `transact cannot begin a transaction on this object (${name})`);
}

interface Attempt<Database, Result> {
  readonly settings: Settings;
  readonly handle: DatabaseHandle;
  readonly database: Database;
  readonly work: (tx: TransactionOf<Database>, unit: UnitOfWork) => Promise<Result>;
  readonly options: ResolvedTransactOptions;
  readonly attempt: number;
}

/** What was read right before COMMIT. From then on the outcome is for the server to tell. */
interface Prepared<Result> {
  readonly result: Result;
  readonly facts: SourceFacts;
  readonly xid: bigint | undefined;
  readonly events: readonly string[];
  /** Enough for the token of a transaction that wrote nothing. */
  readonly lsn: Lsn | undefined;
}

async function runOnce<Database extends object, Result>(
  run: Attempt<Database, Result>,
): Promise<Attempted<Receipt<Result>>> {
  const { handle, options } = run;
  const seen: { prepared?: Prepared<Result>; refusal?: HeadwaterError } = {};
  let ended: TransactionRun<Prepared<Result>>;
  try {
    ended = await runTransaction(
      handle,
      {
        isolationLevel: options.isolationLevel,
        afterBegin: markStatement,
        afterCommit: commitLocationStatement,
        uncommitted: (commitTag) => (seen.refusal = answeredRollback(commitTag)),
      },
      async (own, transaction) => {
        const prepared = await runWork(run, own, transaction);
        seen.prepared = prepared;
        return prepared;
      },
    );
  } catch (thrown) {
    const { prepared, refusal } = seen;
    if (prepared !== undefined && thrown !== refusal) return await explainCommit(run, prepared, thrown);
    if (isConflict(thrown)) return { kind: 'conflict', conflict: thrown };
    throw thrown;
  }
  return { kind: 'done', result: createReceipt(run, ended.result, await verifyCommit(run, ended)) };
}

async function runWork<Database extends object, Result>(
  { attempt, database, handle, options, settings, work }: Attempt<Database, Result>,
  tx: unknown,
  transaction: TransactionHandle,
): Promise<Prepared<Result>> {
  if (handle.runsAfterBegin !== true) await transaction.query(markStatement, []);
  const events = new GatheredEvents(settings.prepare, settings.schemaName);
  try {
    const unit: UnitOfWork = { emit: (...event) => events.add(...event), attempt, signal: options.signal };
    const result = await runUnit(database, async () =>
      watchUnit({ kind: 'transact' }, async () => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the library gives is what its type says of it.
        const given = await work(tx as TransactionOf<Database>, unit);
        await handle.flush?.(tx);
        return given;
      }),
    );
    options.signal?.throwIfAborted();
    const { ids, row } = await writeLast(events, transaction);
    const before = readBeforeCommit(row);
    if (before === undefined) throw endedInside();
    const facts = await settings.servers.find(before.backend, () => askPlace(transaction));
    if (facts === undefined) throw onStandby();
    return { result, facts, xid: before.xid, lsn: before.lsn, events: ids };
  } catch (thrown) {
    events.abandon();
    throw explainFailed(thrown);
  }
}

async function writeLast(
  events: GatheredEvents,
  transaction: TransactionHandle,
): ReturnType<GatheredEvents['writeLast']> {
  try {
    return await events.writeLast(transaction);
  } catch (thrown) {
    if (!events.isEmpty) throw thrown;
    // What of a statement of ours says so is the location alone.
    throw sqlStateOf(thrown) === '55000' ? onStandby(thrown) : explainPlaceError(thrown);
  }
}

async function askPlace(transaction: TransactionHandle): Promise<ResultRow | undefined> {
  try {
    return (await transaction.query(backendPlaceStatement, []))[0];
  } catch (thrown) {
    throw explainPlaceError(thrown);
  }
}

function onStandby(cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW-TOKEN-006', 'a standby gives no version token', { cause });
}

/** A transaction that had failed is told as that. Everything else is the error of the callback, or of a statement that explains itself. */
function explainFailed(thrown: unknown): unknown {
  if (thrown instanceof HeadwaterError || sqlStateOf(thrown) !== '25P02') return thrown;
  const message = 'the transaction had failed: an error of one of its statements was swallowed';
  return new HeadwaterError('HW-TRANSACT-003', message, { details: { outcome: 'not-applied' }, cause: thrown });
}

function endedInside(): HeadwaterError {
  return new HeadwaterError('HW-TRANSACT-005', 'the transaction was ended inside the callback', {
    details: { outcome: 'indeterminate' },
  });
}

/** Where the client hides the answer to COMMIT, which may have been ROLLBACK, the server is asked for the transaction. */
async function verifyCommit<Database, Result>(
  run: Attempt<Database, Result>,
  { after, commitTag, result: prepared }: TransactionRun<Prepared<Result>>,
): Promise<TokenEntry> {
  const { facts, lsn, xid } = prepared;
  if (xid === undefined) return createTokenEntry(lsn, facts, undefined);
  if (judgeCommitAnswer(commitTag) === 'committed' && after?.[0] !== undefined)
    return toTokenEntry(after[0], facts, xid);
  const settlement = await settle(run, { ...facts, xid, events: prepared.events });
  if (settlement.kind === 'committed') return settlement.entry;
  throw answeredRollback('ROLLBACK');
}

function answeredRollback(commitTag: string): HeadwaterError {
  return new HeadwaterError('HW-TRANSACT-004', `COMMIT was answered with ${commitTag}`, {
    details: { outcome: 'not-applied' },
  });
}

/** The error came behind the callback: out of COMMIT, or out of what was asked or run behind it. */
async function explainCommit<Database, Result>(
  run: Attempt<Database, Result>,
  prepared: Prepared<Result>,
  thrown: unknown,
): Promise<Attempted<Receipt<Result>>> {
  const { facts, xid, events } = prepared;
  const isRefusal = run.handle.hasCommitHooks !== true && isDefiniteRefusal(thrown);
  if (xid !== undefined && !isRefusal) {
    const settlement = await settle(run, { ...facts, xid, events }, thrown);
    if (settlement.kind === 'committed') {
      return { kind: 'done', result: createReceipt(run, prepared, settlement.entry) };
    }
  }
  if (isConflict(thrown)) return { kind: 'conflict', conflict: thrown };
  throw notCommitted(thrown);
}

function notCommitted(cause: unknown): HeadwaterError {
  const message = `the transaction was not committed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new HeadwaterError('HW-TRANSACT-009', message, { details: { outcome: 'not-applied' }, cause });
}

/** @throws HW-TRANSACT-007. A cancelled call, too, ends with what is known: an outcome is worth more than some time. */
async function settle<Database, Result>(
  { handle, options, settings }: Attempt<Database, Result>,
  record: ReceiptRecord,
  cause?: unknown,
): Promise<{ readonly kind: 'committed'; readonly entry: TokenEntry } | { readonly kind: 'not-applied' }> {
  const { clock, random } = settings;
  const settlement = await settleOutcome({ handle, record, timeoutMs: options.settleTimeoutMs, clock, random });
  if (settlement.kind !== 'indeterminate') return settlement;
  throw indeterminateError(record, { reason: settlement.reason, cause: cause ?? settlement.cause });
}

function createReceipt<Database, Result>(
  { attempt }: Attempt<Database, Result>,
  { events, facts, result, xid }: Prepared<Result>,
  entry: TokenEntry,
): Receipt<Result> {
  const token = encodeVersionToken([entry]);
  return {
    outcome: 'committed',
    result,
    token,
    xid,
    events: events.map((id) => ({ id })),
    attempts: attempt,
    text: xid === undefined ? undefined : encodeReceipt({ ...facts, xid, events }),
    status: (service, signal) => readLadder(token, service, signal),
  };
}
