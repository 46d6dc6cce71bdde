import type { Instant } from '../../foundation/clock.ts';
import { toInstant } from '../../foundation/clock.ts';
import type { StateStore } from '../../journal/state-store.ts';
import { type ParkedRecord, placeText } from './parked-record.ts';
import { listDropped } from './parked-store.ts';
import type { Parking } from './parking.ts';

/** A parked key: the record that failed, and how many wait behind it. */
export interface ParkedKey {
  /** The record's id, by which it is retried or dropped. */
  readonly id: string;
  /** Null: no order was promised for it, and nothing waits. */
  readonly key: string | null;
  /** Table or event type. */
  readonly subject: string;
  readonly sequence: bigint;
  readonly ordinal: number;
  readonly code: string;
  readonly message: string;
  readonly attemptCount: number;
  readonly since: Instant;
  readonly isRetrying: boolean;
  /** Records behind it; one behind several parked keys is counted for the first. */
  readonly waitingCount: number;
}

/** A record that waits behind a parked key, or is on its way again. */
export interface WaitingRecord {
  readonly id: string;
  readonly key: string | null;
  readonly subject: string;
  readonly sequence: bigint;
  readonly ordinal: number;
}

/** A record that somebody gave up. */
export interface DroppedReport extends WaitingRecord {
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
  const counts = parking.countWaiting();
  return {
    keys: parking.records.flatMap((record) => toKey(record, counts.get(placeText(record)) ?? 0)),
    waiting: parking.records.filter(({ failure }) => failure === undefined).map(toWaiting),
    dropped: listDropped(states, laneName).map((record) => ({
      ...toWaiting(record),
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
  return [{ ...toWaiting(record), code, message, attemptCount, since: toInstant(sinceMs), isRetrying, waitingCount }];
}

function toWaiting({ id, key, subject, sequence, ordinal }: ParkedRecord): WaitingRecord {
  return { id, key, subject, sequence, ordinal };
}
