import { type Instant, toInstant } from '../../foundation/clock.ts';
import type { StateStore } from '../../journal/state-store.ts';
import { type ParkedRecord, placeText } from './parked-record.ts';
import { listDropped } from './parked-store.ts';
import type { Parking } from './parking.ts';

/** A parked key: the record that failed, and how many wait behind it. */
export interface ParkedKey extends ListedRecord {
  readonly code: string;
  readonly message: string;
  readonly attemptCount: number;
  readonly since: Instant;
  readonly isRetrying: boolean;
  /** Records behind it; one behind several parked keys is counted for the first. */
  readonly waitingCount: number;
}

/** A record that waits behind a parked key, or is on its way again. */
export interface WaitingRecord extends ListedRecord {
  /** The id of the failed record; null: on its way to the sink again. */
  readonly behind: string | null;
}

/** What names a record that is or was parked. */
export interface ListedRecord {
  /** By which it is retried or dropped. */
  readonly id: string;
  /** Null: no order was promised for it, and nothing waits behind it. */
  readonly key: string | null;
  /** Table or event type. */
  readonly subject: string;
  readonly sequence: bigint;
  readonly ordinal: number;
}

/** A record that somebody gave up. */
export interface DroppedReport extends ListedRecord {
  readonly reason: string;
  readonly droppedAt: Instant;
  readonly code: string | null;
}

/** Everything that a lane has parked or dropped, in journal order. */
export interface ParkedReport {
  readonly keys: readonly ParkedKey[];
  readonly waiting: readonly WaitingRecord[];
  readonly dropped: readonly DroppedReport[];
}

/** Puts the list of a lane into the form for its owner. @throws HW-LANE-007 */
export function reportParked(
  parking: Parking,
  { states, laneName }: { readonly states: StateStore; readonly laneName: string },
): ParkedReport {
  const heads = parking.findHeads();
  const counts = new Map<ParkedRecord, number>();
  for (const head of heads.values()) counts.set(head, (counts.get(head) ?? 0) + 1);
  return {
    keys: parking.records.flatMap((record) => toKey(record, counts.get(record) ?? 0)),
    waiting: parking.records.flatMap((record) =>
      record.failure === undefined ? [{ ...toListed(record), behind: heads.get(placeText(record))?.id ?? null }] : [],
    ),
    dropped: listDropped(states, laneName).map((record) => ({
      ...toListed(record),
      reason: record.reason,
      droppedAt: toInstant(record.droppedAtMs),
      code: record.failure?.code ?? null,
    })),
  };
}

function toKey(record: ParkedRecord, waitingCount: number): readonly ParkedKey[] {
  const { failure } = record;
  if (failure === undefined) return [];
  const { code, message, attemptCount, sinceMs, isRetrying } = failure;
  return [{ ...toListed(record), code, message, attemptCount, since: toInstant(sinceMs), isRetrying, waitingCount }];
}

function toListed({ id, key, subject, sequence, ordinal }: ParkedRecord): ListedRecord {
  return { id, key, subject, sequence, ordinal };
}
