import { HeadwaterError } from '../foundation/error.ts';
import type { LaneState } from './lane-state.ts';
import { conditionOf } from './lane-status.ts';

/** What those are told who wait for a lane that does not deliver: what it is, and what stopped it. Pure. */
export function refusedDrain(laneName: string, state: LaneState): HeadwaterError {
  const cause = faultOf(state);
  const reason = cause === undefined ? '' : `: ${cause.code} ${cause.message}`;
  return new HeadwaterError('HW-LANE-012', `lane "${laneName}" is ${conditionOf(state)}${reason}`, { cause });
}

function faultOf(state: LaneState): HeadwaterError | undefined {
  if (state.kind === 'failed') return state.error;
  return state.kind === 'halting' && state.outcome.kind === 'failed' ? state.outcome.error : undefined;
}
