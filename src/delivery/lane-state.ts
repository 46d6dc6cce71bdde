import { unreachable } from '../foundation/assert.ts';
import type { HeadwaterError } from '../foundation/error.ts';

/*
 * The life of a lane.
 *
 *   stopped ──start──► starting ──opened──► running ──pause──► halting ──closed──► paused ──resume──► starting
 *                        │  ▲                 │ stop / fault      │                  failed ──resume──► starting
 *                        └──┘ open fails,     └──────────────────►│──► stopped
 *                             again later
 *
 * I1  A sink is open in `running` and, until closed, in `halting`; in no other state.
 * I2  Writes begin in `running` only.
 * I3  Nothing leaves `halting` but `closed`: whatever is under way has ended, or was given up, by then.
 * I4  `failed` keeps its error until someone resumes, starts, pauses or stops the lane.
 */

/** What a lane is once nothing is under way any more. */
export type HaltOutcome =
  | { readonly kind: 'paused' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'restarted' }
  | { readonly kind: 'failed'; readonly error: HeadwaterError };

/** What a lane is. */
export type LaneState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting'; readonly isRetrying: boolean }
  | { readonly kind: 'running'; readonly isRetrying: boolean; readonly isDraining: boolean }
  | { readonly kind: 'halting'; readonly outcome: HaltOutcome }
  | { readonly kind: 'paused' }
  | { readonly kind: 'failed'; readonly error: HeadwaterError };

/** What happens to a lane. */
export type LaneEvent =
  | { readonly kind: 'start'; readonly isPaused: boolean }
  /** The sink is open and its checkpoint fits. */
  | { readonly kind: 'opened' }
  /** Opening failed and is tried again later. */
  | { readonly kind: 'open-failed' }
  /** A write failed and is tried again later. */
  | { readonly kind: 'write-failed' }
  /** No write is waiting for another attempt any more. */
  | { readonly kind: 'recovered' }
  /** Something failed that waiting does not mend. */
  | { readonly kind: 'fault'; readonly error: HeadwaterError }
  | { readonly kind: 'drain' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stop' }
  /** Nothing is under way any more and the sink is closed. */
  | { readonly kind: 'closed' };

/** What the driver does about it. */
export type LaneEffect =
  /** Open the sink now. */
  | 'open'
  /** Open the sink after a delay. */
  | 'open-later'
  /** Take and write what there is. */
  | 'deliver'
  /** Begin no write, let those under way end, give them up after the time limit, close the sink, then report `closed`. */
  | 'halt'
  /** Reject the drains that wait. */
  | 'refuse-drains';

/** The next state, and what is to be done in this order. */
export interface LaneTransition {
  readonly state: LaneState;
  readonly effects: readonly LaneEffect[];
}

/** What a lane does next. Pure; an event that means nothing in a state changes nothing. */
export function transition(state: LaneState, event: LaneEvent): LaneTransition {
  switch (state.kind) {
    case 'stopped':
      return atRest(state, event);
    case 'paused':
      return atRest(state, event);
    case 'failed':
      return atRest(state, event);
    case 'starting':
      return whileStarting(state, event);
    case 'running':
      return whileRunning(state, event);
    case 'halting':
      return whileHalting(state, event);
    default:
      return unreachable(state);
  }
}

type Rest = Extract<LaneState, { kind: 'stopped' | 'paused' | 'failed' }>;

function atRest(state: Rest, event: LaneEvent): LaneTransition {
  switch (event.kind) {
    case 'start':
      return event.isPaused
        ? stay({ kind: 'paused' })
        : { state: { kind: 'starting', isRetrying: false }, effects: ['open'] };
    case 'resume':
      return state.kind === 'stopped'
        ? stay(state)
        : { state: { kind: 'starting', isRetrying: false }, effects: ['open'] };
    case 'pause':
      return stay(state.kind === 'stopped' ? state : { kind: 'paused' });
    case 'stop':
      return stay({ kind: 'stopped' });
    case 'drain':
      return { state, effects: ['refuse-drains'] };
    case 'fault':
      return stay({ kind: 'failed', error: event.error });
    case 'opened':
    case 'open-failed':
    case 'write-failed':
    case 'recovered':
    case 'drained':
    case 'closed':
      return stay(state);
    default:
      return unreachable(event);
  }
}

function whileStarting(state: Extract<LaneState, { kind: 'starting' }>, event: LaneEvent): LaneTransition {
  switch (event.kind) {
    case 'opened':
      return { state: { kind: 'running', isRetrying: false, isDraining: false }, effects: ['deliver'] };
    case 'open-failed':
      return { state: { kind: 'starting', isRetrying: true }, effects: ['open-later'] };
    case 'start':
    case 'resume':
    case 'drain':
    case 'write-failed':
    case 'recovered':
    case 'drained':
    case 'closed':
      return stay(state);
    case 'fault':
    case 'pause':
    case 'stop':
      return halt(event);
    default:
      return unreachable(event);
  }
}

function whileRunning(state: Extract<LaneState, { kind: 'running' }>, event: LaneEvent): LaneTransition {
  switch (event.kind) {
    case 'write-failed':
      return stay({ ...state, isRetrying: true });
    case 'recovered':
      return stay({ ...state, isRetrying: false });
    case 'drain':
      return { state: { ...state, isDraining: true }, effects: ['deliver'] };
    case 'drained':
      return stay({ ...state, isDraining: false });
    case 'start':
    case 'resume':
    case 'opened':
    case 'open-failed':
    case 'closed':
      return stay(state);
    case 'fault':
    case 'pause':
    case 'stop':
      return halt(event);
    default:
      return unreachable(event);
  }
}

function whileHalting(state: Extract<LaneState, { kind: 'halting' }>, event: LaneEvent): LaneTransition {
  switch (event.kind) {
    case 'closed':
      return afterHalt(state.outcome);
    case 'stop':
      return stay({ kind: 'halting', outcome: { kind: 'stopped' } });
    case 'pause':
      return state.outcome.kind === 'stopped' ? stay(state) : stay({ kind: 'halting', outcome: { kind: 'paused' } });
    case 'start':
      return stay({ kind: 'halting', outcome: { kind: event.isPaused ? 'paused' : 'restarted' } });
    case 'resume':
      return state.outcome.kind === 'stopped' ? stay(state) : stay({ kind: 'halting', outcome: { kind: 'restarted' } });
    case 'fault':
      return state.outcome.kind === 'paused'
        ? stay({ kind: 'halting', outcome: { kind: 'failed', error: event.error } })
        : stay(state);
    case 'drain':
      return { state, effects: ['refuse-drains'] };
    case 'opened':
    case 'open-failed':
    case 'write-failed':
    case 'recovered':
    case 'drained':
      return stay(state);
    default:
      return unreachable(event);
  }
}

function halt(event: Extract<LaneEvent, { kind: 'fault' | 'pause' | 'stop' }>): LaneTransition {
  const effects: readonly LaneEffect[] = ['halt', 'refuse-drains'];
  switch (event.kind) {
    case 'fault':
      return { state: { kind: 'halting', outcome: { kind: 'failed', error: event.error } }, effects };
    case 'pause':
      return { state: { kind: 'halting', outcome: { kind: 'paused' } }, effects };
    case 'stop':
      return { state: { kind: 'halting', outcome: { kind: 'stopped' } }, effects };
    default:
      return unreachable(event);
  }
}

function afterHalt(outcome: HaltOutcome): LaneTransition {
  switch (outcome.kind) {
    case 'paused':
      return stay({ kind: 'paused' });
    case 'stopped':
      return stay({ kind: 'stopped' });
    case 'failed':
      return stay({ kind: 'failed', error: outcome.error });
    case 'restarted':
      return { state: { kind: 'starting', isRetrying: false }, effects: ['open'] };
    default:
      return unreachable(outcome);
  }
}

function stay(state: LaneState): LaneTransition {
  return { state, effects: [] };
}
