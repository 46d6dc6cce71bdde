import type { BoundaryLadder } from './boundary-ladder.ts';
import type { EmittedEvent, EmitOptions, EmitterOptions } from '../emit/emit.ts';
import type { EventDefinition, EventInput } from '../emit/events.ts';
import type { IsolationLevel } from '../../postgres/database-handle.ts';
import type { BoundaryReader } from '../../model/freshness.ts';
import type { VersionToken } from '../../model/version-token.ts';

/** What the callback of a unit of work is given beside its transaction. */
export interface UnitOfWork {
  /**
   * Gathers an event. It is checked at once and written right before COMMIT, with the others by one statement. For an event that
   * must be written where it stands there is `emit(tx, …)`.
   * @throws HW-EMIT-007…011, HW-TRANSACT-011
   */
  readonly emit: <Definition extends EventDefinition>(
    event: Definition,
    payload: EventInput<Definition>,
    options: EmitOptions,
  ) => Promise<EmittedEvent>;
  /** 1 for the first. What the callback does beside the transaction, it does at each attempt. */
  readonly attempt: number;
  readonly signal: AbortSignal | undefined;
}

/** How often a unit of work is run that meets others. */
export interface TransactRetry {
  /** Attempts in all. Default 5. */
  readonly attemptsMax?: number;
  /** No attempt is begun when so many milliseconds are over. Default 5000. */
  readonly budgetMs?: number;
  /** Ceiling of the first delay, in milliseconds; it doubles. Each delay is drawn between zero and its ceiling. Default 10. */
  readonly initialDelayMs?: number;
  /** No ceiling grows above this. Default 500. */
  readonly maxDelayMs?: number;
}

/** How one unit of work is run. Every field has a default. */
export interface TransactOptions {
  /** Default: that of the session, `read committed` where nobody changed it. */
  readonly isolationLevel?: IsolationLevel;
  readonly retry?: TransactRetry;
  /** How long PostgreSQL is asked for the outcome when the answer to COMMIT was lost, in milliseconds. Default 5000. */
  readonly settleTimeoutMs?: number;
  /** Looked at before each attempt, between them, and before COMMIT. What is being committed is not cancelled. */
  readonly signal?: AbortSignal;
}

/** How an own `transact` is made: what it emits as, and the defaults of its calls. */
export interface TransactorOptions extends EmitterOptions {
  readonly defaults?: Omit<TransactOptions, 'signal'>;
}

/** What is known of a unit of work that was committed. */
export interface Receipt<Result> {
  readonly outcome: 'committed';
  /** What the callback returned. */
  readonly result: Result;
  /** A read that waits for it sees everything that this unit wrote and read. */
  readonly token: VersionToken;
  /** The full transaction id; undefined for a unit that wrote nothing. NOTIFY is no write: of one that did nothing else no outcome is kept. */
  readonly xid: bigint | undefined;
  /** The events that were gathered, in order. */
  readonly events: readonly EmittedEvent[];
  readonly attempts: number;
  /** By which the receipt can be taken up later, in another process too; undefined for a unit that wrote nothing. */
  readonly text: string | undefined;
  /** How far the unit has come behind its commit. Asked anew at each call; waits for nothing. @throws as `readLadder` */
  status(service: BoundaryReader, signal?: AbortSignal): Promise<BoundaryLadder>;
}
