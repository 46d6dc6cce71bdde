import { HeadwaterError } from '../../foundation/error.ts';

/** What an error of `transact` says of its transaction. */
export type FailedOutcome = 'not-applied' | 'indeterminate';

/**
 * What is known of the transaction whose `transact` was rejected with this error. `not-applied`: for certain; the work may be run
 * again. `indeterminate`: it may be committed; the receipt is in `details.receipt`, where there is one.
 *
 * An error that comes out of the callback, or from the connection before COMMIT was sent, is one of a transaction that was not applied.
 */
export function readOutcome(thrown: unknown): FailedOutcome {
  return thrown instanceof HeadwaterError && thrown.details['outcome'] === 'indeterminate'
    ? 'indeterminate'
    : 'not-applied';
}
