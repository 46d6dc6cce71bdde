import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../foundation/clock.ts';
import type { SuiteContext, SuiteRunner } from './sink-harness.ts';

/** One test of a contract. */
export interface ContractTest<Harness, Options> {
  readonly title: string;
  /** The part of the harness without which it cannot run. */
  readonly needs?: keyof Harness & string;
  readonly run: (harness: Harness, options: Options) => Promise<void>;
}

/** What every contract's options have. */
interface ContractOptions<Harness> {
  readonly open: () => Promise<Harness>;
  readonly skip?: string | false;
  readonly tests?: readonly string[];
  readonly timeoutMs?: number;
  readonly runner?: SuiteRunner;
}

const nodeRunner: SuiteRunner = {
  describe: (name, body) => void describe(name, body),
  test: (name, body) => void test(name, body),
};

/** Registers the tests of a contract, by node:test or the runner that is given. */
export function registerContract<Harness extends AsyncDisposable, Options extends ContractOptions<Harness>>(
  title: string,
  contract: Readonly<Record<string, ContractTest<Harness, Options>>>,
  options: Options,
): void {
  const runner = options.runner ?? nodeRunner;
  runner.describe(title, () => {
    for (const [name, contractTest] of Object.entries(contract)) {
      if (options.tests !== undefined && !options.tests.includes(name)) continue;
      // Without a named parameter: some runners take a function that has one for a test with a callback.
      runner.test(contractTest.title, async (...contexts: readonly SuiteContext[]) => {
        const reason = await runUnlessSkipped(contractTest, options);
        if (reason !== undefined) showSkipped(reason, contexts[0]);
      });
    }
  });
}

/** The reason why it cannot run; undefined when it ran. */
async function runUnlessSkipped<Harness extends AsyncDisposable, Options extends ContractOptions<Harness>>(
  contractTest: ContractTest<Harness, Options>,
  options: Options,
): Promise<string | undefined> {
  if (typeof options.skip === 'string') return options.skip;
  await using harness = await options.open();
  const { needs } = contractTest;
  if (options.tests === undefined && needs !== undefined && harness[needs] === undefined) {
    return `the harness has no ${needs}`;
  }
  const { timeoutMs = 120_000 } = options;
  const late = Promise.withResolvers<never>();
  const timer = systemClock.setTimer(timeoutMs, () => {
    late.reject(new assert.AssertionError({ message: `not within ${timeoutMs} ms: ${contractTest.title}` }));
  });
  try {
    await Promise.race([contractTest.run(harness, options), late.promise]);
  } finally {
    timer.clear();
  }
  return undefined;
}

function showSkipped(reason: string, context: SuiteContext | undefined): void {
  if (context?.skip === undefined)
    assert.fail(`${reason}; the runner cannot show that, so leave the test out by "tests"`);
  else context.skip(reason);
}
