import { createHash, type Hash } from 'node:crypto';

import type { Random } from '../../src/foundation/random.ts';

/** Something that waits to happen: an I/O call's end, a timer. */
interface PendingStep {
  readonly label: string;
  /** Virtual milliseconds before which it cannot happen. */
  readonly notBeforeMs: number;
  readonly happen: () => void;
}

/** Thrown into nothing: after a crash no step of the old world happens any more. */
export type StepOutcome = 'stepped' | 'idle' | 'out-of-steps';

/**
 * Decides, from a seed alone, in which order everything that waits happens. The code under test runs unchanged; each of its
 * awaits ends in one of our fakes, which asks for a step here. Between two steps the microtask queue runs empty, so a step is
 * the smallest thing that can be reordered or cut by a crash. Virtual time moves only when nothing else can happen.
 */
export class Scheduler {
  readonly #random: Random;
  readonly #trace: Hash = createHash('sha256');
  readonly #stepsMax: number;
  #pending: PendingStep[] = [];
  #nowMs = 0;
  #stepCount = 0;

  constructor(options: { readonly random: Random; readonly stepsMax: number }) {
    this.#random = options.random;
    this.#stepsMax = options.stepsMax;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** A number in [0, 1) from the seed. */
  chance(): number {
    return this.#random.next();
  }

  /** Adds to the trace what a fake did, so that two runs of one seed can be compared. */
  record(line: string): void {
    this.#trace.update(`${line}\n`);
  }

  /** The trace so far as a hash: the same seed gives the same one. */
  traceHash(): string {
    return this.#trace.copy().digest('hex').slice(0, 16);
  }

  /** Resolves when the scheduler lets it, at or after `delayMs` of virtual time. */
  step(label: string, delayMs = 0): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(label, delayMs, resolve);
    });
  }

  /** Calls `happen` when the scheduler lets it. The returned function takes it back. */
  schedule(label: string, delayMs: number, happen: () => void): () => void {
    const pending: PendingStep = { label, notBeforeMs: this.#nowMs + delayMs, happen };
    this.#pending.push(pending);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== pending);
    };
  }

  /** Forgets everything that waits: the world that asked for it has crashed. */
  dropPending(): void {
    this.#pending = [];
    this.record('crash');
  }

  /** Lets one thing happen and then the code under test run until it waits again. */
  async advance(): Promise<StepOutcome> {
    await settle();
    if (this.#stepCount >= this.#stepsMax) return 'out-of-steps';
    const next = this.#choose();
    if (next === undefined) return 'idle';
    this.#pending = this.#pending.filter((pending) => pending !== next);
    this.#nowMs = Math.max(this.#nowMs, next.notBeforeMs);
    this.#stepCount += 1;
    this.record(`${this.#stepCount} ${this.#nowMs} ${next.label}`);
    next.happen();
    await settle();
    return 'stepped';
  }

  #choose(): PendingStep | undefined {
    const due = this.#pending.filter((pending) => pending.notBeforeMs <= this.#nowMs);
    if (due.length > 0) return due[Math.floor(this.#random.next() * due.length)];
    let earliest: PendingStep | undefined;
    for (const pending of this.#pending) {
      if (earliest === undefined || pending.notBeforeMs < earliest.notBeforeMs) earliest = pending;
    }
    return earliest;
  }
}

/** Resolves once every promise reaction that can run without our fakes has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
