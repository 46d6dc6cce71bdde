import { HeadwaterError } from '../../foundation/error.ts';
import type { Lease } from './key-store.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { type AnyKeyedOperation, type RunAnswer, runOperation } from './run-operation.ts';
import type { FailedAttempt, IdempotencySettings } from './settings.ts';

/** How an attempt under a lease ended. */
export type AttemptEnd = RunAnswer | { readonly kind: 'failed'; readonly error: HeadwaterError };

/**
 * Runs an operation under a lease and gives the lease up if it came to no final answer. After an error the row of the key is asked,
 * behind every commit that was under way: what it says is the outcome, whatever the connection said.
 */
export async function attempt(
  operation: AnyKeyedOperation,
  lease: Lease,
  { settings, by }: { readonly settings: IdempotencySettings; readonly by: FailedAttempt['by'] },
): Promise<AttemptEnd> {
  const { tools, leaseMs } = settings;
  using keeper = new LeaseKeeper(tools.store, lease, { clock: tools.clock, leaseMs });
  try {
    const answer = await runOperation(operation, { lease, keeper }, tools);
    if (answer.kind === 'passing') await tools.store.release(lease);
    return answer;
  } catch (thrown) {
    keeper[Symbol.dispose]();
    const end = await settle(lease, thrown, settings);
    if (end.kind === 'failed') settings.onFailure(thrown, { ...lease.scopedKey, attempt: lease.attempt, by });
    return end;
  }
}

/** Tells what has become of an attempt that threw: finished all the same, not applied, taken over, or not to be known now. */
async function settle(lease: Lease, thrown: unknown, { tools }: IdempotencySettings): Promise<AttemptEnd> {
  try {
    if (await tools.store.release(lease)) {
      return failed(thrown, 'HW-IDEMPOTENCY-007');
    }
    const found = await tools.store.read(lease.scopedKey);
    if (found.kind === 'state' && found.final !== undefined) return { kind: 'final', final: found.final };
    return failed(thrown, 'HW-IDEMPOTENCY-008');
  } catch (unsettled) {
    return failed(unsettled, 'HW-IDEMPOTENCY-006');
  }
}

function failed(thrown: unknown, code: 'HW-IDEMPOTENCY-006' | 'HW-IDEMPOTENCY-007' | 'HW-IDEMPOTENCY-008'): AttemptEnd {
  const isOurs = thrown instanceof HeadwaterError && thrown.code.startsWith('HW-IDEMPOTENCY-');
  if (isOurs) return { kind: 'failed', error: thrown };
  const sentences = {
    'HW-IDEMPOTENCY-006': 'the database could not be asked what has become of the request',
    'HW-IDEMPOTENCY-007': 'the operation failed before its end',
    'HW-IDEMPOTENCY-008': 'another process has taken over the operation',
  } as const;
  return { kind: 'failed', error: new HeadwaterError(code, sentences[code], { cause: thrown }) };
}
