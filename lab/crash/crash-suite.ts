import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { skipReason } from '../../scripts/services/testing.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import { CrashStage } from './crash-stage.ts';
import { captureSteps, type CaptureStep, type CrashStep, type SinkName, sinkSteps } from './crash-step.ts';

/** How often the process is killed. */
export interface CrashCounts {
  /** Inside each step of capture. */
  readonly perCaptureStep: number;
  /** Between the write and the checkpoint of each sink. */
  readonly perSink: number;
}

/** A kill that fell outside its step proves nothing and is not counted; too many of them mean that the step is missed. */
const attemptsPerKill = 3;
/** Every store is read whole after each kill, so its history is kept short. */
const usesPerStage = 40;

const captureNames: Readonly<Record<CaptureStep, string>> = {
  receive: 'killed while it receives a transaction',
  'torn-append': 'killed in the middle of an append',
  'append-before-flush': 'killed between append and flush',
  'flush-before-confirm': 'killed between flush and confirmation',
  'after-confirm': 'killed right after a confirmation',
};

const sinkNames: Readonly<Record<SinkName, string>> = {
  mirror: 'killed between the rows of a PostgreSQL mirror and its checkpoint',
  kafka: 'killed between the records in Kafka and their position',
  handler: 'killed between the effect of a handler and its checkpoint',
};

/** The crash suite, as everyday test and as long one. */
export async function testCrashes(counts: CrashCounts): Promise<void> {
  const skip = await skipReason('postgres18', 'kafka');
  const stages = new StageLender();
  after(() => stages[Symbol.asyncDispose]());
  for (const step of captureSteps) {
    const title = `loses nothing, invents nothing, repeats no effect and keeps order, ${captureNames[step]}`;
    test(title, { skip }, () => crashRepeatedly(stages, [step], counts.perCaptureStep));
  }
  for (const sink of ['mirror', 'kafka', 'handler'] as const) {
    const title = `repeats no effect and loses none, ${sinkNames[sink]}`;
    test(title, { skip }, () => crashRepeatedly(stages, sinkSteps[sink], counts.perSink));
  }
}

async function crashRepeatedly(stages: StageLender, steps: readonly CrashStep[], killCount: number): Promise<void> {
  const misses: string[] = [];
  let insideCount = 0;
  for (let attempt = 0; insideCount < killCount; attempt += 1) {
    assert.ok(
      attempt < killCount * attemptsPerKill,
      `${insideCount} of ${attempt} kills fell inside: ${misses.slice(-3).join('; ')}`,
    );
    const step = steps[insideCount % steps.length];
    assert.ok(step !== undefined);
    const outcome = await stages.use((stage) => stage.crashAt(step));
    if (outcome.kind === 'inside') insideCount += 1;
    else misses.push(`${step}: ${outcome.reason}`);
  }
  process.stdout.write(`${steps.join(', ')}: ${insideCount} kills inside, ${misses.length} outside\n`);
}

/** Lends one stage to test after test, and a new one when that has grown old or a promise was broken on it. */
class StageLender implements AsyncDisposable {
  #stage: CrashStage | undefined;
  #useCount = 0;

  async use<Value>(work: (stage: CrashStage) => Promise<Value>): Promise<Value> {
    if (this.#useCount === usesPerStage) await this[Symbol.asyncDispose]();
    this.#stage ??= await this.#open();
    this.#useCount += 1;
    try {
      return await work(this.#stage);
    } catch (thrown) {
      await this[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    this.#useCount = 0;
    await stage?.[Symbol.asyncDispose]();
  }

  #open(): Promise<CrashStage> {
    const wanted = process.env['HEADWATER_CRASH_SEED'];
    const seed = wanted === undefined ? Math.floor(systemRandom.next() * 0x1_0000_0000) : Number(wanted);
    process.stdout.write(`a new stage with seed ${seed}\n`);
    return CrashStage.open(seed);
  }
}
