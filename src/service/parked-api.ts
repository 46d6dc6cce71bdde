import { HeadwaterError } from '../foundation/error.ts';
import type { ParkedReport } from '../delivery/parking/parked-report.ts';
import { readJsonObject } from './json-body.ts';
import { type ParkedActionJson, type ParkedJson, toParkedJson } from './parked-json.ts';

/** What the interface needs of a lane. */
export interface ParkedLane {
  readonly name: string;
  readonly parked: ParkedReport;
  retryParked(id?: string): number;
  dropParked(id: string, reason: string): void;
}

/** What a request wants done. */
export type ParkedAction =
  | { readonly kind: 'retry'; readonly lane: string; readonly id: string | undefined }
  | { readonly kind: 'drop'; readonly lane: string; readonly id: string; readonly reason: string };

/** A reason is one line that somebody reads later. */
const reasonLengthMax = 1000;

/** What is parked in all lanes. @throws HW-LANE-007 */
export function listParkedLanes(lanes: readonly ParkedLane[]): ParkedJson {
  return { version: 1, lanes: lanes.map((lane) => toParkedJson(lane.name, lane.parked)) };
}

/** Does what a request wants; durable when it returns. @throws HW-SERVICE-005 for an unknown lane, HW-LANE-016 */
export function actOnParked(lanes: readonly ParkedLane[], action: ParkedAction): ParkedActionJson {
  const lane = lanes.find(({ name }) => name === action.lane);
  if (lane === undefined) {
    const names = lanes.map(({ name }) => name).join(', ');
    throw new HeadwaterError('HW-SERVICE-005', `there is no lane "${action.lane}"; there are: ${names}`);
  }
  if (action.kind === 'retry') return { version: 1, lane: lane.name, count: lane.retryParked(action.id) };
  lane.dropParked(action.id, action.reason);
  return { version: 1, lane: lane.name, count: 1 };
}

/**
 * Reads what a POST asks for: `{ "lane", "id" }`, for a retry of all without `id`, for a drop with `reason`.
 * @throws HW-SERVICE-004 for anything else
 */
export async function readParkedAction(
  body: AsyncIterable<Uint8Array>,
  kind: ParkedAction['kind'],
): Promise<ParkedAction> {
  const { lane, id, reason } = await readJsonObject(body);
  if (typeof lane !== 'string') throw refuse('"lane" is no text');
  if (kind === 'retry') {
    if (id !== undefined && typeof id !== 'string') throw refuse('"id" is no text');
    return { kind, lane, id };
  }
  if (typeof id !== 'string') throw refuse('"id" is no text');
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > reasonLengthMax) {
    throw refuse(`"reason" is no text of 1 to ${reasonLengthMax} characters`);
  }
  return { kind, lane, id, reason: reason.trim() };
}

function refuse(reason: string): HeadwaterError {
  return new HeadwaterError('HW-SERVICE-004', `the request cannot be read: ${reason}`);
}
