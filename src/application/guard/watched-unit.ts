/** A transaction in which no network I/O belongs. */
export interface WatchedUnit {
  /** Who has begun it: Headwater's `transact`, an inbox, an operation under an idempotency key, or the application itself. */
  readonly kind: 'transact' | 'inbox' | 'idempotency' | 'transaction';
  /** Which of them, where they have names. */
  readonly name?: string | undefined;
}

/** Runs the work of a unit and knows what runs inside it. */
export type WatchUnit = <Result>(unit: WatchedUnit, work: () => Result | Promise<Result>) => Promise<Result>;

/**
 * Set while a guard is on. It lies here, apart from the guard, because the units load at the edge as well and the guard needs modules
 * of Node.
 */
let watch: WatchUnit | undefined;

/** For the guard. Undefined: nothing is watched, and a unit costs what it costs without a guard. */
export function setWatch(next: WatchUnit | undefined): void {
  watch = next;
}

/** Runs the work of a unit, watched while a guard is on. @throws HW-GUARD-001, and what `work` throws */
export function watchUnit<Result>(unit: WatchedUnit, work: () => Result | Promise<Result>): Result | Promise<Result> {
  return watch === undefined ? work() : watch(unit, work);
}
