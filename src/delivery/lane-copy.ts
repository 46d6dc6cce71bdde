import { copyRequestName, type UncopiedTable } from '../model/source-identity.ts';
import type { Sequence } from '../model/position.ts';
import type { LaneIdentity } from './lane-identity.ts';
import type { RowsLacked } from './sink.ts';

/** What is known of the copies of older rows at a moment. */
export interface SourceCopies {
  /** Tables whose older rows are not in the journal. */
  readonly uncopiedTables: readonly UncopiedTable[];
  /** Where the last copy that was finished ended in the journal; 0 when there was none. */
  readonly copiedThrough: bigint;
  /** Copies of single lanes that were begun, by `copyRequestName`. */
  readonly copiedLanes: readonly string[];
}

/** When nothing was copied, and nothing had to be. */
export const noCopies: SourceCopies = { uncopiedTables: [], copiedThrough: 0n, copiedLanes: [] };

/** Of a lane that begins with a copy of its own: the sequence that it began behind. Pure. */
export function copyOriginOf(identity: LaneIdentity | undefined): Sequence | undefined {
  return identity?.start === 'snapshot' && identity.origin > 0n ? identity.origin : undefined;
}

/** Whether the lane began behind the beginning of the journal, and no copy brings it what was before. Pure. */
export function hasBegunLater(identity: LaneIdentity | undefined): boolean {
  return (identity?.origin ?? 0n) > 0n && identity?.start !== 'snapshot';
}

/** Whether a lane that begins with a copy of its own still waits for that to be begun. Pure. */
export function awaitsOwnCopy(
  laneName: string,
  identity: LaneIdentity | undefined,
  copiedLanes: readonly string[],
): boolean {
  const origin = copyOriginOf(identity);
  return origin !== undefined && !copiedLanes.includes(copyRequestName(laneName, origin));
}

/** Whether something of a copy concerns the lane. Pure. */
export function isForLane({ lanes }: { readonly lanes?: readonly string[] | undefined }, laneName: string): boolean {
  return lanes === undefined || lanes.includes(laneName);
}

/** Tells of a table at a place of the journal whether the lane may lack rows of it that a copy brings later. */
export function rowsLackedBy(laneName: string, identity: LaneIdentity | undefined): RowsLacked {
  return ({ schemaName, tableName }, { copiedLanes, uncopiedTables }) => {
    // Its own copy was not begun yet.
    if (awaitsOwnCopy(laneName, identity, copiedLanes ?? [])) return true;
    if (uncopiedTables === undefined) return false;
    return uncopiedTables.some(
      (table) => table.schemaName === schemaName && table.tableName === tableName && isForLane(table, laneName),
    );
  };
}
