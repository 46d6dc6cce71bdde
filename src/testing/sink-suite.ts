import { registerContract } from './run-suite.ts';
import { suiteTests } from './sink-contract.ts';
import type { SinkSuiteOptions } from './sink-harness.ts';

/**
 * Registers the contract of `Sink` as tests, to be held by each technology with its real store: nothing lost, nothing out of order,
 * effects as stated. Call it at the top of a test file. A part that the harness cannot do is skipped, with the reason in the output.
 */
export function testSink(options: SinkSuiteOptions): void {
  registerContract(`the sink ${options.name}`, suiteTests, options);
}
