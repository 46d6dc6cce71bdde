import type { SinkCapabilities, SinkDefinition } from '../../delivery/sink.ts';
import { tokenTimeoutMsDefault } from '../../delivery/token-places.ts';
import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { formatLsn, type Lsn, lsnZero } from '../../model/lsn.ts';
import { type Sequence, sequenceZero } from '../../model/position.ts';
import type { ViewWaitOptions } from './position-waits.ts';
import type { ViewTableDefinition } from './view-definition.ts';
import type { IncompleteViewTable } from './incomplete-tables.ts';
import { ViewState } from './view-state.ts';
import { createTables, type ViewTables } from './view-table.ts';

/** What a view is made of. */
export interface ViewOptions<Definitions> {
  /** Names the view in `status` and in messages. */
  readonly name: string;
  /** The tables, each made by `viewTable`, under the names that readers use. */
  readonly tables: Definitions;
  /**
   * About how many bytes rows may take, those of a transaction on its way beside those it replaces. Default 256 MiB. When they
   * would take more, the lane stops by name and the view stays at its position.
   */
  readonly maxBytes?: number;
}

/** A place in the journal and in the source. */
export interface ViewPosition {
  /** The transaction that is the last one shown; 0 before the first. */
  readonly sequence: Sequence;
  /** Where its commit ends in the write-ahead log; 0 when none was met yet. */
  readonly commitEndLsn: Lsn;
  /** Microseconds since 1970; 0 when none was met yet. */
  readonly commitTimeMicros: bigint;
}

/** How fresh and how complete an answer is. */
export interface ViewCondition {
  readonly position: ViewPosition;
  /** Transactions that the journal holds and the answer does not show. Undefined: no lane feeds the view, so nobody knows. */
  readonly behind: bigint | undefined;
  /** Whether the view has shown everything that the journal held when its lane began. */
  readonly isReady: boolean;
  readonly isComplete: boolean;
  /** Tables of the view of which rows may be missing, as of the position. */
  readonly incompleteTables: readonly IncompleteViewTable[];
}

/** What a reader gets, with the place that it is true of. */
export interface ViewAnswer<Value> extends ViewCondition {
  readonly value: Value;
}

/** What a reader accepts. */
export interface ViewReadOptions {
  /** `partial`: an answer of a view that is being rebuilt or lacks rows, which the answer tells. Default: such a view refuses. */
  readonly allow?: 'partial';
}

/** Tables kept in the memory of this process, always as they were between two commits of the source. */
export interface View<Definitions> extends AsyncDisposable {
  readonly name: string;
  /** For one lane: `lanes: { balances: { sink: view.sink } }`. */
  readonly sink: SinkDefinition;
  /** About the bytes that are held. */
  readonly byteCount: number;
  /** How far and how complete the view is now. */
  condition(): ViewCondition;
  /**
   * Calls the function at once with the tables, all as of one position, and gives what it returns with that position.
   * @throws HW-VIEW-001 while the view is rebuilt, HW-VIEW-002 when it lacks rows, both unless `allow` says `partial`;
   * HW-VIEW-008 for a function that returns a promise, HW-VIEW-010 once the view is closed; what the function throws
   */
  read<Value>(read: (tables: ViewTables<Definitions>) => Value, options?: ViewReadOptions): ViewAnswer<Value>;
  /**
   * Resolves when the view shows everything that the journal held when its lane began. It may lack rows still: see `isComplete`.
   * @throws HW-VIEW-009 after `timeoutMs`, HW-VIEW-010, or what stopped the lane. Rejects with `signal.reason` on cancel.
   */
  ready(options?: ViewWaitOptions): Promise<void>;
  /**
   * Resolves when the view shows a place: a transaction by its sequence, also when nothing of it concerns the view and nothing
   * follows; or the first commit that ends at or behind a location of the write-ahead log.
   * @throws as `ready`
   */
  waitFor(place: ViewPlace, options?: ViewWaitOptions): Promise<void>;
  /**
   * Resolves when the view shows everything that a version token stands for, also when nothing of it concerns the view and nothing
   * follows. The condition is that of this moment; what is read next is at least as fresh.
   * @throws HW-TOKEN-001…004, HW-TOKEN-005 with the lag after `timeoutMs`, HW-TOKEN-008 as long as no lane feeds the view, HW-VIEW-010,
   * or what stopped the lane. Rejects with `signal.reason` on cancel.
   */
  readyFor(token: string, options?: ViewTokenOptions): Promise<ViewCondition>;
}

/** How a view waits for a version token. */
export interface ViewTokenOptions {
  /** Default 2000 ms. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What can be waited for. */
export type ViewPlace = { readonly sequence: bigint } | { readonly commitEndLsn: bigint };

const capabilities: SinkCapabilities = { unit: 'transaction', checkpointIn: 'memory', recordBytesMax: undefined };
const defaultMaxBytes = 268_435_456;

/**
 * Describes a view. It is empty until a lane feeds it, and is rebuilt at each start of the process.
 * @throws HW-VIEW-012
 */
export function defineView<const Definitions extends Readonly<Record<string, ViewTableDefinition>>>(
  options: ViewOptions<Definitions>,
): View<Definitions> {
  return new MemoryView(options);
}

class MemoryView<Definitions extends Readonly<Record<string, ViewTableDefinition>>> implements View<Definitions> {
  readonly name: string;
  readonly sink: SinkDefinition;
  readonly #state: ViewState;
  readonly #tables: ViewTables<Definitions>;

  constructor({ maxBytes = defaultMaxBytes, name, tables }: ViewOptions<Definitions>) {
    const definitions = Object.values(tables);
    const sources = definitions.map(({ source }) => source);
    if (definitions.length === 0 || new Set(sources).size < sources.length) {
      throw new HeadwaterError('HW-VIEW-012', `view "${name}" has no table, or one of them twice`);
    }
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
      throw new HeadwaterError('HW-VIEW-012', `maxBytes of view "${name}" is no positive whole number: ${maxBytes}`);
    }
    this.name = name;
    this.#state = new ViewState(name, definitions, maxBytes);
    this.#tables = createTables(tables, this.#state);
    this.sink = createSink(this.#state);
  }

  get byteCount(): number {
    return this.#state.byteCount;
  }

  condition(): ViewCondition {
    const { behind, incompleteTables, isReady, position } = this.#state;
    return {
      position: {
        sequence: position?.sequence ?? sequenceZero,
        commitEndLsn: position?.commitEndLsn ?? lsnZero,
        commitTimeMicros: position?.commitTimeMicros ?? 0n,
      },
      behind,
      isReady,
      isComplete: position !== undefined && incompleteTables.length === 0,
      incompleteTables,
    };
  }

  read<Value>(read: (tables: ViewTables<Definitions>) => Value, options: ViewReadOptions = {}): ViewAnswer<Value> {
    if (this.#state.isClosed) throw new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`);
    if (options.allow !== 'partial') this.#assertWhole();
    const condition = this.condition();
    const value = read(this.#tables);
    if (value instanceof Promise) {
      throw new HeadwaterError('HW-VIEW-008', `the function given to view "${this.name}" returned a promise`);
    }
    return { value, ...condition };
  }

  ready(options?: ViewWaitOptions): Promise<void> {
    return this.#wait(() => this.#state.isReady, 'what the journal held at the start', options);
  }

  waitFor(place: ViewPlace, options?: ViewWaitOptions): Promise<void> {
    if ('sequence' in place) {
      const { sequence } = place;
      return this.#wait(() => this.condition().position.sequence >= sequence, `sequence ${sequence}`, options);
    }
    const lsn = place.commitEndLsn;
    return this.#wait(() => this.condition().position.commitEndLsn >= lsn, `a commit at or behind ${lsn}`, options);
  }

  async readyFor(token: string, options: ViewTokenOptions = {}): Promise<ViewCondition> {
    const { signal, timeoutMs = tokenTimeoutMsDefault } = options;
    if (this.#state.isClosed) throw new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`);
    const { failure, locateToken } = this.#state;
    if (locateToken === undefined) {
      throw failure ?? new HeadwaterError('HW-TOKEN-008', `no lane feeds view "${this.name}"`);
    }
    const startedMs = systemClock.monotonicMs();
    const sequence = await locateToken(token, { timeoutMs, signal });
    const leftMs = Math.max(0, timeoutMs - (systemClock.monotonicMs() - startedMs));
    await this.#state.waits.wait(
      {
        isReached: () => this.condition().position.sequence >= sequence,
        describeTimeout: () => this.#notFresh(sequence, timeoutMs),
      },
      { timeoutMs: leftMs, signal },
    );
    return this.condition();
  }

  #notFresh(sequence: Sequence, timeoutMs: number): HeadwaterError {
    const missing = sequence - this.condition().position.sequence;
    const message = `${this.#whereabouts()}, ${missing} transactions before the token, after ${timeoutMs} ms`;
    return new HeadwaterError('HW-TOKEN-005', message, {
      details: { boundary: 'view', view: this.name, lagTransactions: Number(missing) },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#state.close();
    return Promise.resolve();
  }

  async #wait(isReached: () => boolean, goal: string, options?: ViewWaitOptions): Promise<void> {
    const { failure, isClosed, isFollowing } = this.#state;
    if (isClosed) throw new HeadwaterError('HW-VIEW-010', `view "${this.name}" is closed`);
    if (failure !== undefined && !isFollowing && !isReached()) throw failure;
    await this.#state.waits.wait(
      {
        isReached,
        describeTimeout: (timeoutMs) =>
          new HeadwaterError('HW-VIEW-009', `${this.#whereabouts()}, and not at ${goal} after ${timeoutMs} ms`),
      },
      options,
    );
  }

  #assertWhole(): void {
    const { failure, incompleteTables, isReady } = this.#state;
    if (!isReady) {
      throw new HeadwaterError('HW-VIEW-001', `${this.#whereabouts()} and is being rebuilt`, { cause: failure });
    }
    if (incompleteTables.length === 0) return;
    const tables = incompleteTables.map(({ reason, table }) => `${table} (${reason})`).join(', ');
    throw new HeadwaterError('HW-VIEW-002', `view "${this.name}" lacks rows of ${tables}`, { details: { tables } });
  }

  #whereabouts(): string {
    const { commitEndLsn, sequence } = this.condition().position;
    return `view "${this.name}" is at sequence ${sequence}, ${formatLsn(commitEndLsn)}`;
  }
}

function createSink(state: ViewState): SinkDefinition {
  return {
    kind: 'view',
    target: state.name,
    isRebuilt: true,
    async open(context) {
      state.open(context);
      return {
        capabilities,
        accepts: (record) => state.accepts(record),
        readCheckpoint: () => Promise.resolve(state.rewind()),
        async write(batch, signal) {
          signal.throwIfAborted();
          state.write(batch);
        },
        async [Symbol.asyncDispose]() {
          state.release();
        },
      };
    },
  };
}
