import type { TransactionLike } from '../../postgres/transaction-handle.ts';

/** Ends a transaction. */
export type TransactionEnding = 'commit' | 'rollback';

/** Runs a statement of the application in the transaction. */
export type RunStatement = (text: string) => Promise<unknown>;

/** What runs inside a transaction. */
export type TransactionWork = (tx: TransactionLike, query: RunStatement) => Promise<void>;

/** What a library's objects know without asking the server, which decides what a refusal can say. */
export interface DriverKnowledge {
  /** Whether a transaction is open right now. Without it, the first event of a transaction takes a second statement. */
  readonly isOpen: boolean;
  /**
   * How a transaction ended: by itself, by the id that an event before remembered, or not at all. `as-a-root`: what was its
   * object is a root object again.
   */
  readonly end: 'itself' | 'by-an-event' | 'never' | 'as-a-root';
}

/** One client library, driven as its users drive it. */
export interface TransactionDriver extends AsyncDisposable {
  /** What stands for any connection. */
  readonly root: unknown;
  /** Runs `work` in a transaction and ends that as told; gives the transaction object, which has ended. */
  run(work: TransactionWork, ending: TransactionEnding): Promise<TransactionLike>;
  /** Runs `work` inside a savepoint that is rolled back. */
  rollBackSavepoint(tx: TransactionLike, work: (tx: TransactionLike) => Promise<void>): Promise<void>;
  /** Runs `work` with the object for a single connection on which no transaction was begun. Absent: the library has none. */
  autocommit?(work: (connection: unknown) => Promise<void>): Promise<void>;
  /** How many statements ran since the last call. */
  countStatements(): number;
}

export interface DriverOptions {
  readonly url: string;
  /** Connections of the pool. Default 2. */
  readonly connections?: number;
}

/** A client library in one of the ways that its users begin transactions. */
export interface DrivenLibrary {
  /** Opens it with a pool of its own. */
  open(options: DriverOptions): Promise<TransactionDriver>;
  readonly knows: DriverKnowledge;
  /** What `emit` refuses its object for a single connection with, where it has one. */
  readonly autocommitCode?: 'HW-EMIT-001' | 'HW-EMIT-004';
  /** The entry whose library handles its connections: what their loss does is tried there. */
  readonly connectionsOf?: string;
  /**
   * What a connection that is lost inside a transaction spoils for good: postgres.js throws where nobody can catch it
   * (https://github.com/porsager/postgres/issues/1208), MikroORM never gives back a connection that could not roll back.
   */
  readonly lossSpoils?: 'the process' | 'a place in the pool';
}

/** What `emit` refuses an event with that comes after the end of a transaction. */
export function lateEventCode({ end }: DriverKnowledge, ending: TransactionEnding, hadEvents: boolean): string {
  if (end === 'as-a-root') return 'HW-EMIT-001';
  if (end === 'never' || (end === 'by-an-event' && !hadEvents)) return 'HW-EMIT-004';
  return ending === 'commit' ? 'HW-EMIT-002' : 'HW-EMIT-003';
}

/** Rolls back the transaction of a library whose transactions are functions. */
export class RolledBack extends Error {}

/** Runs what rejects with `RolledBack` when it was rolled back. */
export async function unlessRolledBack(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}

/** Runs a transaction of a library whose transactions are functions. */
export async function runInCallback<Tx extends TransactionLike>(
  begin: (work: (tx: Tx) => Promise<void>) => Promise<unknown>,
  work: (tx: Tx) => Promise<void>,
  ending: TransactionEnding,
): Promise<TransactionLike> {
  let ended: TransactionLike | undefined;
  await unlessRolledBack(() =>
    begin(async (tx) => {
      ended = tx;
      await work(tx);
      if (ending === 'rollback') throw new RolledBack();
    }),
  );
  if (ended === undefined) throw new Error('the transaction was never begun');
  return ended;
}

/** Counts statements between two questions. */
export class StatementCounter {
  #count = 0;

  readonly add = (): void => {
    this.#count += 1;
  };

  readonly take = (): number => {
    const count = this.#count;
    this.#count = 0;
    return count;
  };
}
