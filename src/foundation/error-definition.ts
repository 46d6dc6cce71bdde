/** What the product does by itself when it meets the error. */
export type ErrorPolicy = 'retry' | 'stop';

/** The page of one error code: what `headwater explain CODE` and the reference print. */
export interface ErrorDefinition {
  /** A lower-case sentence: what happened. */
  readonly title: string;
  /** Why the product stops or retries here instead of going on. */
  readonly why: string;
  /** What the operator or the developer does about it. */
  readonly fix: string;
  readonly policy: ErrorPolicy;
  /**
   * The exit code of a command that ends with this error:
   * 1 failure, 2 usage, 3 problems found, 4 not found, 5 authentication, 6 unreachable, 7 timed out, 8 refused.
   */
  readonly exitCode: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
}
