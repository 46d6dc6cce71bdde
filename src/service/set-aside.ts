import { errorDefinition, isErrorCode } from '../foundation/error-codes.ts';
import type { ParkedLaneJson, ParkedRecordJson } from './parked-json.ts';
import type { ReportedError } from './status-report.ts';

/** A record that a lane does not deliver in its turn, and why. */
export interface SetAside {
  readonly kind: 'parked' | 'behind-parked' | 'dropped';
  readonly sequence: bigint;
  readonly ordinal: number;
  /** Id of the parked record that it waits behind; null: of none, or it is on its way to the sink again. */
  readonly behind: string | null;
  /** Why it was dropped; null: it was not. */
  readonly reason: string | null;
  /** Why it is parked; null otherwise. */
  readonly error: ReportedError | null;
}

/** What a lane has set aside, out of what `GET /parked` tells of it. Pure. */
export function listAsideOf({ keys, waiting, dropped }: ParkedLaneJson): readonly SetAside[] {
  return [
    ...keys.map((key) => toAside('parked', key, { error: explainFailure(key) })),
    ...waiting.map((record) => toAside('behind-parked', record, { behind: record.behind })),
    ...dropped.map((record) => toAside('dropped', record, { reason: record.reason })),
  ];
}

function toAside(
  kind: SetAside['kind'],
  { sequence, ordinal }: ParkedRecordJson,
  why: Partial<Pick<SetAside, 'behind' | 'reason' | 'error'>>,
): SetAside {
  return { kind, sequence: BigInt(sequence), ordinal, behind: null, reason: null, error: null, ...why };
}

function explainFailure({ code, message }: { readonly code: string; readonly message: string }): ReportedError {
  const hint = isErrorCode(code) ? errorDefinition(code).fix : '';
  return { code, message, hint };
}
