import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { startThread } from '../measure/start-thread.ts';
import { type Percentiles, summarizeLatencies } from '../measure/percentiles.ts';

/** Commits at fixed times, whether or not the ones before have returned. */
export interface OpenLoopPlan {
  readonly url: string;
  readonly table: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
}

/** Before the measured commits, so that code is compiled and caches are warm. */
const warmUpSeconds = 3;
const arrivalTimeoutMs = 30_000;

/** What the worker is given. Commit number n inserts the row with the id n, from 0. */
export interface OpenLoopInput extends OpenLoopPlan {
  readonly count: number;
  /** When each commit was due, and when it had returned, by number, in the machine's milliseconds. Shared memory. */
  readonly due: Float64Array;
  readonly committed: Float64Array;
}

/** The commits of one run and when they arrived where. */
export class OpenLoop {
  readonly count: number;
  readonly #input: OpenLoopInput;
  readonly #firstMeasured: number;

  constructor(plan: OpenLoopPlan) {
    this.count = Math.round((warmUpSeconds + plan.seconds) * plan.ratePerSecond);
    this.#firstMeasured = Math.round(warmUpSeconds * plan.ratePerSecond);
    this.#input = { ...plan, count: this.count, due: this.createTimes(), committed: this.createTimes() };
  }

  /** Room for an arrival time for each commit; 0 stands for not yet. Shared with whatever thread it is given to. */
  createTimes(): Float64Array {
    return new Float64Array(new SharedArrayBuffer(this.count * Float64Array.BYTES_PER_ELEMENT));
  }

  /** Commits in a thread of its own. Resolves when all have returned. */
  async commitAll(): Promise<void> {
    const worker = startThread('commit-worker', this.#input);
    await once(worker, 'exit');
    if (this.#input.committed.includes(0)) throw new Error('the committing thread ended before its last commit');
  }

  /** Resolves when every commit has arrived. @throws when one has not after half a minute */
  async waitForArrivals(name: string, arrived: Float64Array): Promise<void> {
    const deadline = performance.now() + arrivalTimeoutMs;
    while (arrived.includes(0)) {
      if (performance.now() > deadline) {
        const missing = arrived.filter((time) => time === 0).length;
        throw new Error(`${missing} of ${this.count} commits did not arrive: ${name}`);
      }
      await setTimeout(20);
    }
  }

  /** From the moment when COMMIT had returned. An arrival before that counts as it is, below zero. */
  latencies(arrived: Float64Array): Percentiles {
    const { committed } = this.#input;
    return this.#summarize((number) => (arrived[number] ?? Number.NaN) - (committed[number] ?? Number.NaN));
  }

  /** From the moment when a commit was due to its return: how well the loop kept open. */
  commitLatencies(): Percentiles {
    const { committed, due } = this.#input;
    return this.#summarize((number) => (committed[number] ?? Number.NaN) - (due[number] ?? Number.NaN));
  }

  #summarize(latency: (number: number) => number): Percentiles {
    const values: number[] = [];
    for (let number = this.#firstMeasured; number < this.count; number += 1) values.push(latency(number));
    return summarizeLatencies(values);
  }
}
