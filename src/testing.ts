/**
 * `headwater/testing`: contracts as tests, of sinks for a sink of your own, of idempotency keys for a service of your own; run by
 * node:test or a runner of its shape. Pulls in no driver.
 */
export { type ByteMatch, FaultProxy, type FaultProxyOptions, holdsText } from './testing/fault-proxy.ts';
export {
  type IdempotencyHarness,
  type IdempotencySuiteOptions,
  type IdempotencyTestName,
  testIdempotency,
} from './testing/idempotency-suite.ts';
export { killChild } from './testing/kill-child.ts';
export type { UnplacedRecord } from './testing/memory-journal.ts';
export type { SinkChild } from './testing/sink-child.ts';
export type {
  SinkHarness,
  SinkPath,
  SinkSuiteOptions,
  SuiteContext,
  SuiteRunner,
  SuiteTestName,
} from './testing/sink-harness.ts';
export { testSink } from './testing/sink-suite.ts';
export {
  parseSuiteRecord,
  type RecordRequest,
  type StoredRecord,
  suiteRecord,
  suiteTransactions,
} from './testing/suite-records.ts';
