import type { ErrorCode } from '../foundation/error-codes.ts';
import type { SinkDefinition } from '../delivery/sink.ts';
import type { UnplacedRecord } from './memory-journal.ts';
import type { RecordRequest, StoredRecord } from './suite-records.ts';

/** The path between a sink and its server, as a test can disturb it. `FaultProxy` is one for TCP. */
export interface SinkPath {
  /** From now on nothing moves, and no connection is ended. */
  hold(): void;
  /** What was held moves again. */
  release(): void;
  /** Ends every connection at once. */
  cut(): void;
}

/**
 * What the suite needs to know of a store and to do with it: one for each test, on an empty place of a real store. Only `sink` and
 * `stored` are required; a test that needs more is skipped by name where it is missing.
 */
export interface SinkHarness extends AsyncDisposable {
  /** Opened several times in one test, one after the other. */
  readonly sink: SinkDefinition;
  /** Everything that took effect, in the order in which it did, repetitions included. */
  stored(): Promise<readonly StoredRecord[]>;
  /** Makes a record that the sink has a form for. Default: `suiteRecord`, an event. */
  record?(request: RecordRequest): UnplacedRecord;
  /** The path between sink and server; undefined for a sink that has none. */
  readonly proxy?: SinkPath;
  /** The next effect that becomes durable loses its reply. Resolves when it was lost. */
  loseReply?(): Promise<void>;
  /** The next effect is cut off before it becomes durable. Resolves when it was. */
  cutBeforeEffect?(): Promise<void>;
  /**
   * Runs the same journal in another process, and kills that one between a durable effect and its checkpoint, or before both.
   * Called twice. `killChild` does it.
   */
  deliverUntilKilled?(): Promise<void>;
  /** Stops the server while records are under way, and starts it again. */
  restartServer?(): Promise<void>;
  /** The same place with a wrong login, and the code of the refusal. */
  readonly withWrongLogin?: { readonly sink: SinkDefinition; readonly code: ErrorCode };
  /** A place for records that does not exist, and how to make it; `stored` reads it from then on. */
  readonly withMissingPlace?: { readonly sink: SinkDefinition; readonly code: ErrorCode; create(): Promise<void> };
  /** Bytes of padding that are too many for the sink, and the code of the refusal. */
  readonly oversized?: { readonly size: number; readonly code: ErrorCode };
}

/** The tests of the contract. */
export type SuiteTestName =
  | 'order'
  | 'stop'
  | 'held-path'
  | 'cut-path'
  | 'lost-reply'
  | 'kill'
  | 'restart'
  | 'oversized'
  | 'wrong-login'
  | 'missing-place'
  | 'parked';

/** What a runner hands to a test. `skip` marks it as skipped, with the reason in the output. */
export interface SuiteContext {
  skip?(reason: string): unknown;
}

/** A test runner of the shape that node:test and Vitest have. */
export interface SuiteRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: (context: SuiteContext) => Promise<void>): unknown;
}

/** A sink under test, and what is promised of it. */
export interface SinkSuiteOptions {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** Whether a record takes effect once whatever happens, or at least once when an outcome was unknown. */
  readonly effects: 'once' | 'at-least-once';
  /** Called for each test; what it returns is disposed of at its end. */
  readonly open: () => Promise<SinkHarness>;
  /** Why none of the tests can run here: a server that is missing. Each is skipped with that reason. Default false. */
  readonly skip?: string | false;
  /**
   * Only these tests; one that is listed and that the harness cannot do fails. Default: all, and those that the harness cannot do
   * are skipped with the reason.
   */
  readonly tests?: readonly SuiteTestName[];
  /** How long a test may take before it fails by name. Default 120,000 ms. */
  readonly timeoutMs?: number;
  /** Default: node:test. */
  readonly runner?: SuiteRunner;
}
