import type { Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Random } from '../../foundation/random.ts';
import type { DatabaseHandle, IsolationLevel, TransactionRun } from '../../postgres/database-handle.ts';
import type { TransactionHandle } from '../../postgres/transaction-handle.ts';
import { setEventContext } from '../emit/event-context.ts';
import { watchUnit } from '../guard/watched-unit.ts';
import { attemptOnce, repeatConflicts, runTransaction } from '../transact/run-transaction.ts';
import { judgeCommitAnswer } from '../transact/transaction-decisions.ts';
import type { KeyStore, Lease } from './key-store.ts';
import { type LeaseKeeper, leaseLost } from './lease-keeper.ts';
import type { PhasedOperation, RunContext, TransactionOperation } from './operation.ts';
import { createPhasedRun } from './phased-run.ts';
import { Refusal } from './refusal.ts';
import { type FinalReply, readReply, type StoredReply } from './stored-reply.ts';

/** An operation with a key, whatever its input. */
export type AnyKeyedOperation = TransactionOperation<unknown, unknown> | PhasedOperation<unknown, unknown>;

/** What running needs besides the operation. */
export interface RunTools {
  readonly database: DatabaseHandle;
  readonly store: KeyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly isolationLevel: IsolationLevel | undefined;
  readonly responseBytesMax: number;
  readonly isFinal: (status: number) => boolean;
}

/** An answer that is kept, or one that is passed on once. */
export type RunAnswer =
  | { readonly kind: 'final'; readonly final: FinalReply }
  | { readonly kind: 'passing'; readonly reply: StoredReply };

/** Thrown through a transaction to roll it back with an answer. */
class RolledBackReply extends Error {
  readonly reply: StoredReply;
  constructor(reply: StoredReply) {
    super('rolled back with an answer');
    this.reply = reply;
  }
}

/**
 * Runs an operation under a lease up to an answer. Rejects with whatever its code, its database or the fence threw; nothing of
 * it is final then, except when the connection was lost in a COMMIT: only the row of the key can tell.
 */
export async function runOperation(
  operation: AnyKeyedOperation,
  { lease, keeper }: { readonly lease: Lease; readonly keeper: Keeper },
  tools: RunTools,
): Promise<RunAnswer> {
  const context: RunContext<unknown> = {
    input: JSON.parse(lease.input),
    principal: lease.scopedKey.principal,
    key: lease.scopedKey.key,
    correlationId: lease.context.correlationId ?? lease.runId,
    traceparent: lease.context.traceparent,
    attempt: lease.attempt,
    signal: keeper.signal,
  };
  try {
    return 'transaction' in operation
      ? await runInTransaction(operation, { lease, keeper, context }, tools)
      : await runInPhases(operation, { lease, keeper, context }, tools);
  } catch (thrown) {
    const reply = await readThrownReply(thrown, tools);
    if (reply === undefined) throw thrown;
    return keep(reply, lease, tools);
  }
}

/** What of a `LeaseKeeper` is used. */
type Keeper = Pick<LeaseKeeper, 'signal' | 'hold'>;

interface RunInput {
  readonly lease: Lease;
  readonly keeper: Keeper;
  readonly context: RunContext<unknown>;
}

async function runInTransaction(
  operation: TransactionOperation<unknown, unknown>,
  { lease, keeper, context }: RunInput,
  tools: RunTools,
): Promise<RunAnswer> {
  // A finished key has no steps, and whatever was stored before it is forgotten: only that it is finished counts here.
  return inTransaction({ ...tools, lease, keeper, place: lease.steps.length }, async (tx, handle) => {
    const response = await watchUnit({ kind: 'idempotency', name: lease.scopedKey.operation }, () =>
      operation.transaction(tx, context),
    );
    const reply = await readReply(response, tools.responseBytesMax);
    if (!tools.isFinal(reply.status)) throw new RolledBackReply(reply);
    const final = await tools.store.finish(lease, reply, handle);
    if (final === undefined) throw leaseLost();
    return { kind: 'final', final };
  });
}

async function runInPhases(
  operation: PhasedOperation<unknown, unknown>,
  { lease, keeper, context }: RunInput,
  tools: RunTools,
): Promise<RunAnswer> {
  const { store } = tools;
  const run = createPhasedRun(lease, context, {
    clock: tools.clock,
    renew: () => store.renew(lease),
    addStep: (step, place, handle) => store.addStep(lease, { ...step, place }, handle),
    inTransaction: (place, work) => inTransaction({ ...tools, lease, keeper, place }, work),
  });
  const response = await operation.phases(run.run);
  run.assertComplete();
  return keep(await readReply(response, tools.responseBytesMax), lease, tools);
}

async function keep(reply: StoredReply, lease: Lease, tools: RunTools): Promise<RunAnswer> {
  if (!tools.isFinal(reply.status)) return { kind: 'passing', reply };
  const final = await tools.store.finish(lease, reply);
  if (final === undefined) throw leaseLost();
  return { kind: 'final', final };
}

async function readThrownReply(thrown: unknown, tools: RunTools): Promise<StoredReply | undefined> {
  if (thrown instanceof RolledBackReply) return thrown.reply;
  return thrown instanceof Refusal ? readReply(thrown.response, tools.responseBytesMax) : undefined;
}

const repeatPolicy = {
  initialDelayMs: 10,
  maxDelayMs: 500,
  maxAttempts: 5,
  budgetMs: Number.POSITIVE_INFINITY,
} as const;

interface TransactionInput extends RunTools, Omit<RunInput, 'context'> {
  /** How many steps of the key are stored before what the transaction adds. */
  readonly place: number;
}

/** Run again when it met others. A COMMIT that was not answered is not: the row of the key tells what became of it. */
async function inTransaction<Result>(
  { clock, database, isolationLevel, keeper, lease, place, random, store }: TransactionInput,
  work: (tx: unknown, handle: TransactionHandle) => Promise<Result>,
): Promise<Result> {
  const { traceparent, correlationId = lease.runId } = lease.context;
  const eventContext = { traceparent, correlationId, causationId: lease.runId };
  const runOnce = (): Promise<TransactionRun<Result>> =>
    runTransaction(database, { isolationLevel, uncommitted }, (tx, handle) => {
      setEventContext(handle, eventContext);
      return work(tx, handle);
    });
  const runAlone = async (): Promise<TransactionRun<Result>> => {
    using _ = await keeper.hold();
    return await runOnce();
  };
  // A level that only the session has shows by the conflict with a renewal.
  const isStrict = isolationLevel !== undefined && isolationLevel !== 'read committed';
  const repeated = await repeatConflicts((count) => attemptOnce(isStrict || count > 1 ? runAlone : runOnce), {
    policy: repeatPolicy,
    clock,
    random,
  });
  if (repeated.kind === 'used-up') throw repeated.conflict;
  const { commitTag, result } = repeated.result;
  if (judgeCommitAnswer(commitTag) === 'hidden' && !(await store.hasMore(lease, place))) throw uncommitted();
  return result;
}

function uncommitted(): HeadwaterError {
  return new HeadwaterError('HW-IDEMPOTENCY-007', 'the transaction had failed, so its COMMIT was a ROLLBACK');
}
