import type { Clock } from '../../foundation/clock.ts';
import type { HeadwaterError } from '../../foundation/error.ts';
import type { Effect, EffectCall } from './effect.ts';

const timeoutMsDefault = 30_000;

/** How long one call of an effect may take, in ms. */
export function timeoutMsOf({ timeoutMs = timeoutMsDefault }: Pick<Effect<unknown, unknown>, 'timeoutMs'>): number {
  return timeoutMs;
}

/** What a call is made with. */
export interface EffectCallOptions {
  readonly key: string;
  readonly clock: Clock;
  /** Aborts the call before its time is over. */
  readonly signal?: AbortSignal;
  /** The error of a call that takes longer than `timeoutMs`. */
  readonly late: (timeoutMs: number) => HeadwaterError;
}

/** Calls a provider and waits no longer than the effect allows. The call itself is told by its signal. */
export async function callWithinTime<Result>(
  effect: Pick<Effect<unknown, unknown>, 'timeoutMs'>,
  { clock, key, late, signal }: EffectCallOptions,
  act: (call: EffectCall) => Promise<Result>,
): Promise<Result> {
  const timeoutMs = timeoutMsOf(effect);
  const abort = new AbortController();
  const overdue = Promise.withResolvers<never>();
  const timer = clock.setTimer(timeoutMs, () => {
    const error = late(timeoutMs);
    abort.abort(error);
    overdue.reject(error);
  });
  try {
    const signals = signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]);
    return await Promise.race([overdue.promise, act({ key, signal: signals })]);
  } finally {
    timer.clear();
  }
}
