import { copyRequestName } from '../model/source-identity.ts';
import type { Sequence } from '../model/position.ts';
import type { LaneIdentity } from './lane-identity.ts';
import type { RowsLacked } from './sink.ts';

/** Of a lane that begins with a copy of its own: the sequence that it began behind. Pure. */
export function copyOriginOf(identity: LaneIdentity | undefined): Sequence | undefined {
  return identity?.start === 'snapshot' && identity.origin > 0n ? identity.origin : undefined;
}

/** Whether the lane began behind the beginning of the journal, and no copy brings it what was before. Pure. */
export function hasBegunLater(identity: LaneIdentity | undefined): boolean {
  return (identity?.origin ?? 0n) > 0n && identity?.start !== 'snapshot';
}

/** Whether something of a copy concerns the lane. Pure. */
export function isForLane({ lanes }: { readonly lanes?: readonly string[] | undefined }, laneName: string): boolean {
  return lanes === undefined || lanes.includes(laneName);
}

/** Tells of a table at a place of the journal whether the lane may lack rows of it that a copy brings later. */
export function rowsLackedBy(laneName: string, identity: LaneIdentity | undefined): RowsLacked {
  const origin = copyOriginOf(identity);
  const ownCopy = origin === undefined ? undefined : copyRequestName(laneName, origin);
  return ({ schemaName, tableName }, { copiedLanes, uncopiedTables }) => {
    // Its own copy was not begun yet.
    if (ownCopy !== undefined && copiedLanes?.includes(ownCopy) !== true) return true;
    if (uncopiedTables === undefined) return false;
    return uncopiedTables.some(
      (table) => table.schemaName === schemaName && table.tableName === tableName && isForLane(table, laneName),
    );
  };
}
