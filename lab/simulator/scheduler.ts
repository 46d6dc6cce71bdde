import { createHash } from 'node:crypto';

import type { Random } from '../../src/foundation/random.ts';
import { type PendingStep, SimulatedProcess, type StepOrder } from './simulated-process.ts';

/** How often time moves on although something else could happen: slow I/O, and timers that come early by comparison. */
const slowChance = 0.03;

/**
 * Decides, from a seed alone, in which order everything that waits happens. The code under test runs unchanged; each of its
 * awaits ends in one of our fakes, which asks for a step here. Between two steps the microtask queue runs empty, so a step is
 * the smallest thing that can be reordered or cut by a crash. Virtual time moves when nothing else can happen, and now and
 * then before.
 */
export class Scheduler implements StepOrder {
  readonly random: Random;
  readonly #trace: string[] = [];
  #pending: PendingStep[] = [];
  #nowMs = 0;
  #stepCount = 0;

  constructor(random: Random) {
    this.random = random;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** An integer from `from` up to and with `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random.next() * (to - from + 1));
  }

  /** Something that can crash by itself. */
  createProcess(name: string): SimulatedProcess {
    return new SimulatedProcess(this, name);
  }

  /** Adds to the trace what a fake did, so that two runs of one seed can be compared. */
  record(line: string): void {
    this.#trace.push(line);
  }

  /** The whole trace as a hash: the same seed gives the same one. */
  traceHash(): string {
    return createHash('sha256').update(this.#trace.join('\n')).digest('hex').slice(0, 16);
  }

  /** The end of the trace, for people. */
  lastLines(count: number): readonly string[] {
    return this.#trace.slice(-count);
  }

  /** Lets one thing happen and then the code under test run until it waits again. Says what it was; undefined: nothing was left. */
  async advance(): Promise<string | undefined> {
    const index = this.#choose();
    const next = index === undefined ? undefined : this.#pending[index];
    if (index === undefined || next === undefined) return undefined;
    this.#take(index);
    this.#nowMs = Math.max(this.#nowMs, next.notBeforeMs);
    this.#stepCount += 1;
    const line = `${this.#stepCount} ${this.#nowMs} ${next.owner.name} ${next.label}`;
    this.record(line);
    next.happen();
    await settle();
    return line;
  }

  add(step: PendingStep): () => void {
    this.#pending.push(step);
    return () => {
      const index = this.#pending.indexOf(step);
      if (index >= 0) this.#take(index);
    };
  }

  forget(owner: SimulatedProcess): void {
    this.#pending = this.#pending.filter((step) => step.owner !== owner);
  }

  #take(index: number): void {
    const last = this.#pending.pop();
    if (last !== undefined && index < this.#pending.length) this.#pending[index] = last;
  }

  #choose(): number | undefined {
    let dueCount = 0;
    let earliest: number | undefined;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const [index, { notBeforeMs }] of this.#pending.entries()) {
      if (notBeforeMs <= this.#nowMs) dueCount += 1;
      else if (notBeforeMs < earliestMs) {
        earliest = index;
        earliestMs = notBeforeMs;
      }
    }
    if (dueCount === 0 || (earliest !== undefined && this.chance(slowChance))) return earliest;
    let left = Math.floor(this.random.next() * dueCount);
    return this.#pending.findIndex(({ notBeforeMs }) => notBeforeMs <= this.#nowMs && left-- === 0);
  }
}

/** Resolves once every promise reaction that can run without our fakes has run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
