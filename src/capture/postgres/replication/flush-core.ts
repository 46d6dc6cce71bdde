import { unreachable } from '../../../foundation/assert.ts';

/*
 * When the recorder is flushed. No I/O, no clock: the driver passes times and applies effects.
 *
 *   idle ── appended ──► flush now, or wait so that flushes start no closer than the interval
 *   waiting ── due, or enough bytes ──► running
 *   running ── appended meanwhile ──► flush again at its end, by the same rule
 *
 * A flush under way takes no part in what is appended meanwhile, so one flush gathers what came during the last: its own
 * duration is the natural batch, and an idle stream is flushed at once. In a flood that is too often: each
 * flush wakes this thread, the disk and every lane, and takes from the server the processor that it decodes with. What waits
 * in a backlog loses nothing by some milliseconds more, so flushes then start no closer than `floodIntervalMs`.
 */

/** Whether a flush is under way or planned. `lastStartMs` is when the latest one began, by the clock of the events. */
export type FlushState =
  | { readonly kind: 'idle'; readonly lastStartMs: number }
  | { readonly kind: 'waiting'; readonly lastStartMs: number }
  | { readonly kind: 'running'; readonly lastStartMs: number; readonly isMoreWaiting: boolean };

/** When appended bytes are made durable: at the latest after the interval, and sooner when there are many. */
export interface FlushLimits {
  /** Flushes start no closer than this, unless bytes ask for it. 0: as often as they end. */
  readonly intervalMs: number;
  /** The same in a flood, if that is longer. */
  readonly floodIntervalMs: number;
  /** So many waiting bytes are flushed without delay. */
  readonly byteCount: number;
}

/** What decides how soon: `pendingByteCount` counts the bytes that are appended and not durable, `isFlood` says that many more keep coming. */
export interface FlushPressure {
  readonly nowMs: number;
  readonly pendingByteCount: number;
  readonly isFlood: boolean;
}

/** What the plan of flushes depends on. */
export type FlushEvent =
  /** Something that others wait for was appended: a commit or progress; or a part of a transaction above the byte limit. */
  | ({ readonly kind: 'appended' } & FlushPressure)
  | { readonly kind: 'due'; readonly nowMs: number }
  | ({ readonly kind: 'ended' } & FlushPressure);

/** What the driver does next: begin a flush, or come back with `due` after so many milliseconds. */
export type FlushEffect = { readonly kind: 'flush' } | { readonly kind: 'set-timer'; readonly delayMs: number };

/** The next state and at most one effect. */
export interface FlushTransition {
  readonly state: FlushState;
  readonly effect: FlushEffect | undefined;
}

/** Nothing was ever flushed, so the first append need not wait for the interval. */
export const initialFlushState: FlushState = { kind: 'idle', lastStartMs: Number.NEGATIVE_INFINITY };

/** Decides when to flush. At most one flush runs at a time; what is appended during it waits for the next one. */
export function flushTransition(state: FlushState, event: FlushEvent, limits: FlushLimits): FlushTransition {
  switch (event.kind) {
    case 'appended':
      if (state.kind === 'running') return { state: { ...state, isMoreWaiting: true }, effect: undefined };
      if (state.kind === 'waiting' && event.pendingByteCount < limits.byteCount) return { state, effect: undefined };
      return plan(state.lastStartMs, event, limits);
    case 'due':
      return state.kind === 'waiting' ? start(event.nowMs) : { state, effect: undefined };
    case 'ended':
      if (state.kind !== 'running') return { state, effect: undefined };
      if (!state.isMoreWaiting) return { state: { kind: 'idle', lastStartMs: state.lastStartMs }, effect: undefined };
      return plan(state.lastStartMs, event, limits);
    default:
      return unreachable(event);
  }
}

function plan(lastStartMs: number, event: FlushPressure, limits: FlushLimits): FlushTransition {
  const intervalMs = event.isFlood ? Math.max(limits.intervalMs, limits.floodIntervalMs) : limits.intervalMs;
  const delayMs = lastStartMs + intervalMs - event.nowMs;
  if (delayMs <= 0 || event.pendingByteCount >= limits.byteCount) return start(event.nowMs);
  return { state: { kind: 'waiting', lastStartMs }, effect: { kind: 'set-timer', delayMs } };
}

function start(nowMs: number): FlushTransition {
  return { state: { kind: 'running', lastStartMs: nowMs, isMoreWaiting: false }, effect: { kind: 'flush' } };
}
