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

/** A unit's turn: by it the scheduler knows the unit again. All but the unit is the scheduler's own. */
export interface Turn<Unit> {
  readonly unit: Unit;
  readonly order: RecordOrder;
  readonly byteCount: number;
  /** Keys in whose line an earlier unit still stands. */
  waitingFor: number;
  stage: 'pending' | 'in-flight' | 'aside' | 'settled';
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
  readonly #lines = new Map<string, Turn<Unit>[]>();
  #ready: Turn<Unit>[] = [];
  /** A barrier and what came behind it. */
  #behindBarrier: Turn<Unit>[] = [];
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
    const turn: Turn<Unit> = { unit, order, byteCount, waitingFor: 0, stage: 'pending' };
    this.#pendingCount += 1;
    this.#byteCount += byteCount;
    if (this.#behindBarrier.length > 0) this.#behindBarrier.push(turn);
    else this.#admit(turn);
  }

  /** The next unit that may begin, now in flight; undefined when none may. */
  next(): Turn<Unit> | undefined {
    if (this.#inFlightCount >= this.#limits.concurrencyMax) return undefined;
    const turn = this.#ready.shift();
    if (turn === undefined) return undefined;
    turn.stage = 'in-flight';
    this.#inFlightCount += 1;
    return turn;
  }

  /** The unit failed and is to be tried again later: it leaves its place in flight, and its keys stay closed behind it. */
  setAside(turn: Turn<Unit>): void {
    assertInvariant(turn.stage === 'in-flight', 'only a unit in flight is set aside');
    turn.stage = 'aside';
    this.#inFlightCount -= 1;
  }

  /** The unit that was set aside may begin again, before all others. */
  bringBack(turn: Turn<Unit>): void {
    assertInvariant(turn.stage === 'aside', 'only a unit that was set aside is brought back');
    turn.stage = 'pending';
    this.#ready.unshift(turn);
  }

  /** The unit took effect: what waited for it may begin. */
  settle(turn: Turn<Unit>): void {
    assertInvariant(turn.stage === 'in-flight', 'only a unit in flight is settled');
    turn.stage = 'settled';
    this.#pendingCount -= 1;
    this.#byteCount -= turn.byteCount;
    this.#inFlightCount -= 1;
    this.#admittedCount -= 1;
    if (turn.order.kind === 'keys') for (const key of turn.order.keys) this.#leaveLine(key, turn);
    this.#openBarrier(turn);
  }

  #admit(turn: Turn<Unit>): void {
    if (turn.order.kind === 'barrier') {
      this.#behindBarrier.push(turn);
      if (this.#admittedCount === 0) this.#begin(turn);
      return;
    }
    this.#admittedCount += 1;
    if (turn.order.kind === 'keys') for (const key of turn.order.keys) this.#joinLine(key, turn);
    if (turn.waitingFor === 0) this.#ready.push(turn);
  }

  #begin(barrier: Turn<Unit>): void {
    this.#admittedCount += 1;
    this.#ready.push(barrier);
  }

  #joinLine(key: string, turn: Turn<Unit>): void {
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, [turn]);
      return;
    }
    line.push(turn);
    turn.waitingFor += 1;
  }

  #leaveLine(key: string, turn: Turn<Unit>): void {
    const line = this.#lines.get(key);
    assertInvariant(line?.shift() === turn, 'units of a key take effect in order');
    const next = line[0];
    if (next === undefined) {
      this.#lines.delete(key);
      return;
    }
    next.waitingFor -= 1;
    if (next.waitingFor === 0) this.#ready.push(next);
  }

  /** Behind a settled barrier everything up to the next one is admitted; with nothing else pending, the next one begins. */
  #openBarrier(settled: Turn<Unit>): void {
    if (this.#admittedCount > 0 || this.#behindBarrier.length === 0) return;
    if (this.#behindBarrier[0] !== settled) {
      const barrier = this.#behindBarrier[0];
      if (barrier !== undefined) this.#begin(barrier);
      return;
    }
    const waiting = this.#behindBarrier.slice(1);
    this.#behindBarrier = [];
    for (const [index, turn] of waiting.entries()) {
      this.#admit(turn);
      if (turn.order.kind === 'barrier') {
        this.#behindBarrier.push(...waiting.slice(index + 1));
        return;
      }
    }
  }
}
