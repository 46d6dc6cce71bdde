import assert from 'node:assert/strict';
import { test } from 'node:test';

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
  for (const step of captureSteps) {
    const title = `loses nothing, invents nothing, repeats no effect and keeps order, ${captureNames[step]}`;
    test(title, { skip }, () => crashRepeatedly([step], counts.perCaptureStep));
  }
  for (const sink of ['mirror', 'kafka', 'handler'] as const) {
    test(`repeats no effect and loses none, ${sinkNames[sink]}`, { skip }, () => crashRepeatedly(sinkSteps[sink], counts.perSink));
  }
}

async function crashRepeatedly(steps: readonly CrashStep[], killCount: number): Promise<void> {
  const seed = Math.floor(systemRandom.next() * 0x1_0000_0000);
  process.stdout.write(`${steps.join(', ')}: seed ${seed}\n`);
  await using stage = await CrashStage.open(seed);
  const misses: string[] = [];
  let insideCount = 0;
  for (let attempt = 0; insideCount < killCount; attempt += 1) {
    assert.ok(attempt < killCount * attemptsPerKill, `${insideCount} of ${attempt} kills fell inside: ${misses.slice(-3).join('; ')}`);
    const step = steps[insideCount % steps.length];
    assert.ok(step !== undefined);
    const outcome = await stage.crashAt(step);
    if (outcome.kind === 'inside') insideCount += 1;
    else misses.push(`${step}: ${outcome.reason}`);
  }
  process.stdout.write(`${insideCount} kills inside, ${misses.length} outside\n`);
}
