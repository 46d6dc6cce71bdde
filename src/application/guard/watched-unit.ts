import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';

/** A transaction in which no network I/O belongs. */
export interface WatchedUnit {
  /**
   * Who has begun it: Headwater's `transact`, an inbox, an operation under an idempotency key, or the application itself, which says so
   * (`transaction`) or has given it to `emit`.
   */
  readonly kind: 'transact' | 'inbox' | 'idempotency' | 'transaction' | 'emit';
  /** Which of them, where they have names. */
  readonly name?: string | undefined;
}

/** What a guard does while it is on. */
export interface UnitWatch {
  /** Runs the work of a unit and knows what runs inside it. */
  run<Result>(unit: WatchedUnit, work: () => Result | Promise<Result>): Promise<Result>;
  /** Takes the code that runs, and what it goes on with, for the inside of a unit for as long as that is open. */
  enter(unit: WatchedUnit, isOpen: () => boolean): void;
}

/**
 * Set while a guard is on. It lies here, apart from the guard, because the units load at the edge as well and the guard needs modules
 * of Node.
 */
let watch: UnitWatch | undefined;

/** For the guard. Undefined: nothing is watched, and a unit costs what it costs without a guard. */
export function setWatch(next: UnitWatch | undefined): void {
  watch = next;
}

/** Runs the work of a unit, watched while a guard is on. @throws HW-GUARD-001, and what `work` throws */
export function watchUnit<Result>(unit: WatchedUnit, work: () => Result | Promise<Result>): Result | Promise<Result> {
  return watch === undefined ? work() : watch.run(unit, work);
}

/**
 * Watches a transaction that somebody else has begun, from here on, where its client tells whether it is open: pg, and Drizzle on pg. A
 * client of a pool is known by its lease, so that the transaction of the next caller is not taken for this one.
 */
export function watchTransactionOf(transaction: unknown): void {
  if (watch === undefined) return;
  const before = recognizeTransactionHandle(transaction);
  const { identity, lease } = before ?? {};
  watch.enter({ kind: 'emit' }, () => {
    const now = recognizeTransactionHandle(transaction);
    return now?.identity === identity && now?.lease === lease && now?.transactionState === 'in-transaction';
  });
}
