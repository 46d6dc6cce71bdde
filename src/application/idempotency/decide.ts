/** What the store holds under a key, as it was read. */
export type KeyState =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'running';
      readonly fingerprint: string;
      readonly epoch: string;
      /** Until the holder's lease ends, by the clock of the database. 0 or less: it has ended. */
      readonly leaseRemainingMs: number;
    }
  | { readonly kind: 'finished'; readonly fingerprint: string };

/** The request that asks, and how long it has waited. */
export interface KeyRequest {
  readonly fingerprint: string;
  readonly waitedMs: number;
  /** How long it waits for another one with the same key. */
  readonly waitMsMax: number;
  /** It tried to take over and could not: another one was faster, or the former holder's commit is under way. */
  readonly hasLostTakeOver: boolean;
}

/** What is done about it. */
export type KeyAction =
  | { readonly kind: 'claim' }
  | { readonly kind: 'take-over'; readonly epoch: string }
  | { readonly kind: 'replay' }
  | { readonly kind: 'wait'; readonly delayMs: number }
  | { readonly kind: 'refuse-mismatch' }
  | { readonly kind: 'refuse-in-progress'; readonly retryAfterMs: number };

const pollMs = { first: 10, longest: 250 } as const;

/**
 * The rules of a key, in their order: another content is refused whatever the state; what has finished is answered again; what
 * runs under a lease is waited for, up to a limit; a lease that has ended is taken over by its epoch.
 */
export function decide(state: KeyState, request: KeyRequest): KeyAction {
  if (state.kind === 'absent') return { kind: 'claim' };
  if (state.fingerprint !== request.fingerprint) return { kind: 'refuse-mismatch' };
  if (state.kind === 'finished') return { kind: 'replay' };
  const patienceMs = request.waitMsMax - request.waitedMs;
  if (state.leaseRemainingMs <= 0) {
    const isHopeless = request.hasLostTakeOver && patienceMs <= 0;
    return isHopeless ? { kind: 'refuse-in-progress', retryAfterMs: 0 } : { kind: 'take-over', epoch: state.epoch };
  }
  if (patienceMs <= 0) return { kind: 'refuse-in-progress', retryAfterMs: state.leaseRemainingMs };
  const backOffMs = Math.min(pollMs.longest, Math.max(pollMs.first, request.waitedMs / 2));
  return { kind: 'wait', delayMs: Math.ceil(Math.min(backOffMs, state.leaseRemainingMs, patienceMs)) };
}
