import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../foundation/clock.ts';
import { type SuiteTest, suiteTests } from './sink-contract.ts';
import type { SinkHarness, SinkSuiteOptions, SuiteContext, SuiteRunner } from './sink-harness.ts';

const nodeRunner: SuiteRunner = {
  describe: (name, body) => void describe(name, body),
  test: (name, body) => void test(name, body),
};

/**
 * Registers the contract of `Sink` as tests, to be held by each technology with its real store: nothing lost, nothing out of order,
 * effects as stated. Call it at the top of a test file. A part that the harness cannot do is skipped, with the reason in the output.
 */
export function testSink(options: SinkSuiteOptions): void {
  const runner = options.runner ?? nodeRunner;
  runner.describe(`the sink ${options.name}`, () => {
    for (const [name, suiteTest] of Object.entries(suiteTests)) {
      if (options.tests !== undefined && !options.tests.some((wanted) => wanted === name)) continue;
      // Without a named parameter: some runners take a function that has one for a test with a callback.
      runner.test(suiteTest.title, async (...contexts: readonly SuiteContext[]) => {
        const reason = await runUnlessSkipped(suiteTest, options);
        if (reason !== undefined) showSkipped(reason, contexts[0]);
      });
    }
  });
}

/** The reason why it cannot run; undefined when it ran. */
async function runUnlessSkipped(suiteTest: SuiteTest, options: SinkSuiteOptions): Promise<string | undefined> {
  if (typeof options.skip === 'string') return options.skip;
  await using harness = await options.open();
  const { needs } = suiteTest;
  if (options.tests === undefined && needs !== undefined && harness[needs] === undefined) {
    return `the harness has no ${needs}`;
  }
  await withinTime(suiteTest, harness, options);
  return undefined;
}

function showSkipped(reason: string, context: SuiteContext | undefined): void {
  if (context?.skip === undefined)
    assert.fail(`${reason}; the runner cannot show that, so leave the test out by "tests"`);
  else context.skip(reason);
}

async function withinTime(suiteTest: SuiteTest, harness: SinkHarness, options: SinkSuiteOptions): Promise<void> {
  const { timeoutMs = 120_000 } = options;
  const late = Promise.withResolvers<never>();
  const timer = systemClock.setTimer(timeoutMs, () => {
    late.reject(new assert.AssertionError({ message: `not within ${timeoutMs} ms: ${suiteTest.title}` }));
  });
  try {
    await Promise.race([suiteTest.run(harness, options), late.promise]);
  } finally {
    timer.clear();
  }
}
