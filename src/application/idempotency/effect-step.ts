import type { Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { callWithinTime } from '../effect/call-effect.ts';
import type { Effect, EffectCall, GuardedResult } from '../effect/effect.ts';
import { Refusal } from './refusal.ts';

/*
 * A declared effect as a step. Each arrow is a commit of its own:
 *
 *   keyed              call(key) ─► done       a repeated call is the provider's to recognise
 *   checked   begun ─► call ─► done            found begun: ask the provider first, call only when it knows nothing
 *   guarded   begun ─► call ─► done | unknown  found begun: unknown, never called again
 *
 * Who finds a step begun holds the lease behind the one that began it, so nobody calls at the same time except a holder that comes late.
 */

/** What an effect is run with. */
export interface EffectStep {
  /** The same at every attempt. */
  readonly key: string;
  /** Aborted when the lease was lost. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** An attempt before this one began the call, and how it ended is not stored. */
  readonly isBegun: boolean;
  /** Makes sure that the lease is held, and that the key is on disk before the provider knows it. */
  renew(): Promise<void>;
  /** The same, and stores that the call is about to be made. */
  begin(): Promise<void>;
}

/** Runs it up to the result that is to be stored. Rejects with what the provider threw, unless the effect is a guarded one. */
export async function runEffectStep(
  effect: Effect<unknown, unknown>,
  input: unknown,
  step: EffectStep,
): Promise<unknown> {
  const withinTime = (act: (call: EffectCall) => Promise<unknown>): Promise<unknown> =>
    callWithinTime(effect, { ...step, late: (timeoutMs) => tooLate(effect.name, timeoutMs) }, act);
  const call = (): Promise<unknown> => withinTime((made) => effect.call(input, made));
  if (effect.kind === 'guarded') return runGuarded(call, step);
  if (effect.kind === 'checked' && step.isBegun) {
    await step.renew();
    const found = await withinTime((made) => effect.check(made));
    if (found !== undefined) return found;
  }
  await (effect.kind === 'checked' && !step.isBegun ? step.begin() : step.renew());
  return call();
}

async function runGuarded(call: () => Promise<unknown>, step: EffectStep): Promise<GuardedResult<unknown>> {
  if (step.isBegun) return { kind: 'unknown' };
  await step.begin();
  try {
    return { kind: 'done', result: await call() };
  } catch (thrown) {
    // Its provider has refused for certain, says the code that called it.
    if (thrown instanceof Refusal) throw thrown;
    return { kind: 'unknown' };
  }
}

function tooLate(effect: string, timeoutMs: number): HeadwaterError {
  return new HeadwaterError('HW-IDEMPOTENCY-017', `effect "${effect}" took longer than ${timeoutMs} ms`, {
    details: { effect, timeoutMs },
  });
}
