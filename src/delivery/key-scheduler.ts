import { assertInvariant } from '../foundation/assert.ts';

/** What a record must not overtake and must not be overtaken by. */
export type RecordOrder =
  | { readonly kind: 'free' }
  /** Nothing that shares a key. An UPDATE that changes its key has two. */
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  /** Nothing at all: a TRUNCATE. */
  | { readonly kind: 'barrier' };

/** Bounds of what is under way and of what waits. */
export interface KeySchedulerLimits {
  /** Units in flight at once. */
  readonly concurrencyMax: number;
  /** Units waiting or in flight. */
  readonly pendingCountMax: number;
  readonly pendingByteCountMax: number;
}

/** A unit that may begin, and by which the scheduler knows it again. */
export interface Turn<Unit> {
  readonly unit: Unit;
}

class Entry<Unit> implements Turn<Unit> {
  readonly unit: Unit;
  readonly order: RecordOrder;
  readonly byteCount: number;
  /** Keys in whose line an earlier unit still stands. */
  waitingFor = 0;
  stage: 'pending' | 'in-flight' | 'aside' | 'settled' = 'pending';

  constructor(unit: Unit, order: RecordOrder, byteCount: number) {
    this.unit = unit;
    this.order = order;
    this.byteCount = byteCount;
  }
}

function toEntry<Unit>(turn: Turn<Unit>): Entry<Unit> {
  assertInvariant(turn instanceof Entry, 'a scheduler is given its own turns');
  return turn;
}

/**
 * Decides which unit may be written next when several may be under way. Pure; units are added in journal order.
 *
 * I1  Of each key at most one unit is in flight or waiting for another attempt, and units of a key are begun in the order
 *     they were added.
 * I2  A barrier begins when nothing else is pending, and nothing behind it begins before it is settled.
 * I3  In flight ≤ concurrencyMax; pending ≤ its limits, except that one unit always fits.
 *
 * No map holds the units: one through which a hundred thousand of them pass is made anew every few hundred, the old one refers
 * to the new one, and the engine's collector takes whatever an old one held for alive until it looks at the whole heap.
 */
export class KeyScheduler<Unit> {
  readonly #limits: KeySchedulerLimits;
  readonly #lines = new Map<string, Entry<Unit>[]>();
  #ready: Entry<Unit>[] = [];
  /** A barrier and what came behind it. */
  #behindBarrier: Entry<Unit>[] = [];
  #pendingCount = 0;
  #admittedCount = 0;
  #inFlightCount = 0;
  #byteCount = 0;

  constructor(limits: KeySchedulerLimits) {
    this.#limits = limits;
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  get pendingByteCount(): number {
    return this.#byteCount;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Whether one more unit may be added. */
  get hasRoom(): boolean {
    if (this.#pendingCount === 0) return true;
    return this.#pendingCount < this.#limits.pendingCountMax && this.#byteCount < this.#limits.pendingByteCountMax;
  }

  add(unit: Unit, order: RecordOrder, byteCount: number): void {
    assertInvariant(this.hasRoom, 'a scheduler keeps its limits');
    const entry = new Entry(unit, order, byteCount);
    this.#pendingCount += 1;
    this.#byteCount += byteCount;
    if (this.#behindBarrier.length > 0) this.#behindBarrier.push(entry);
    else this.#admit(entry);
  }

  /** The next unit that may begin, now in flight; undefined when none may. */
  next(): Turn<Unit> | undefined {
    if (this.#inFlightCount >= this.#limits.concurrencyMax) return undefined;
    const entry = this.#ready.shift();
    if (entry === undefined) return undefined;
    entry.stage = 'in-flight';
    this.#inFlightCount += 1;
    return entry;
  }

  /** The unit failed and is to be tried again later: it leaves its place in flight, and its keys stay closed behind it. */
  setAside(turn: Turn<Unit>): void {
    const entry = toEntry(turn);
    assertInvariant(entry.stage === 'in-flight', 'only a unit in flight is set aside');
    entry.stage = 'aside';
    this.#inFlightCount -= 1;
  }

  /** The unit that was set aside may begin again, before all others. */
  bringBack(turn: Turn<Unit>): void {
    const entry = toEntry(turn);
    assertInvariant(entry.stage === 'aside', 'only a unit that was set aside is brought back');
    entry.stage = 'pending';
    this.#ready.unshift(entry);
  }

  /** The unit took effect: what waited for it may begin. */
  settle(turn: Turn<Unit>): void {
    const entry = toEntry(turn);
    assertInvariant(entry.stage === 'in-flight', 'only a unit in flight is settled');
    entry.stage = 'settled';
    this.#pendingCount -= 1;
    this.#byteCount -= entry.byteCount;
    this.#inFlightCount -= 1;
    this.#admittedCount -= 1;
    if (entry.order.kind === 'keys') for (const key of entry.order.keys) this.#leaveLine(key, entry);
    this.#openBarrier(entry);
  }

  #admit(entry: Entry<Unit>): void {
    if (entry.order.kind === 'barrier') {
      this.#behindBarrier.push(entry);
      if (this.#admittedCount === 0) this.#begin(entry);
      return;
    }
    this.#admittedCount += 1;
    if (entry.order.kind === 'keys') for (const key of entry.order.keys) this.#joinLine(key, entry);
    if (entry.waitingFor === 0) this.#ready.push(entry);
  }

  #begin(barrier: Entry<Unit>): void {
    this.#admittedCount += 1;
    this.#ready.push(barrier);
  }

  #joinLine(key: string, entry: Entry<Unit>): void {
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, [entry]);
      return;
    }
    line.push(entry);
    entry.waitingFor += 1;
  }

  #leaveLine(key: string, entry: Entry<Unit>): void {
    const line = this.#lines.get(key);
    assertInvariant(line?.shift() === entry, 'units of a key take effect in order');
    const next = line[0];
    if (next === undefined) {
      this.#lines.delete(key);
      return;
    }
    next.waitingFor -= 1;
    if (next.waitingFor === 0) this.#ready.push(next);
  }

  /** Behind a settled barrier everything up to the next one is admitted; with nothing else pending, the next one begins. */
  #openBarrier(settled: Entry<Unit>): void {
    if (this.#admittedCount > 0 || this.#behindBarrier.length === 0) return;
    if (this.#behindBarrier[0] !== settled) {
      const barrier = this.#behindBarrier[0];
      if (barrier !== undefined) this.#begin(barrier);
      return;
    }
    const waiting = this.#behindBarrier.slice(1);
    this.#behindBarrier = [];
    for (const [index, entry] of waiting.entries()) {
      this.#admit(entry);
      if (entry.order.kind === 'barrier') {
        this.#behindBarrier.push(...waiting.slice(index + 1));
        return;
      }
    }
  }
}
