import type { ListedRecord, ParkedKey, ParkedReport } from '../delivery/parking/parked-report.ts';

/** One record of a list of parked ones. */
export interface ParkedRecordJson {
  readonly id: string;
  readonly key: string | null;
  /** Table or event type. */
  readonly subject: string;
  readonly sequence: string;
  readonly ordinal: number;
}

/** A record that failed, and whose key is parked. */
export interface ParkedKeyJson extends ParkedRecordJson {
  readonly code: string;
  readonly message: string;
  readonly attemptCount: number;
  readonly since: string;
  readonly retrying: boolean;
  readonly waitingCount: number;
}

/** A record behind a parked key; null: on its way to the sink again. */
export interface WaitingRecordJson extends ParkedRecordJson {
  readonly behind: string | null;
}

/** A record that was given up. */
export interface DroppedRecordJson extends ParkedRecordJson {
  readonly code: string | null;
  readonly reason: string;
  readonly droppedAt: string;
}

/** What one lane has parked and dropped. */
export interface ParkedLaneJson {
  readonly lane: string;
  readonly keys: readonly ParkedKeyJson[];
  readonly waiting: readonly WaitingRecordJson[];
  readonly dropped: readonly DroppedRecordJson[];
}

/** CLI JSON version 1: what `GET /parked` and `headwater parked list --json` give. */
export interface ParkedJson {
  readonly version: 1;
  readonly lanes: readonly ParkedLaneJson[];
}

/** The answer to a retry or a drop. */
export interface ParkedActionJson {
  readonly version: 1;
  readonly lane: string;
  /** Records that are tried again, or were dropped. */
  readonly count: number;
}

/** Puts the report of a lane into JSON version 1. Pure. */
export function toParkedJson(lane: string, { keys, waiting, dropped }: ParkedReport): ParkedLaneJson {
  return {
    lane,
    keys: keys.map(toKey),
    waiting: waiting.map((record) => ({ ...toRecord(record), behind: record.behind })),
    dropped: dropped.map((record) => ({
      ...toRecord(record),
      code: record.code,
      reason: record.reason,
      droppedAt: new Date(record.droppedAt).toISOString(),
    })),
  };
}

function toKey(key: ParkedKey): ParkedKeyJson {
  const { code, message, attemptCount, since, isRetrying, waitingCount } = key;
  return {
    ...toRecord(key),
    code,
    message,
    attemptCount,
    since: new Date(since).toISOString(),
    retrying: isRetrying,
    waitingCount,
  };
}

function toRecord({ id, key, subject, sequence, ordinal }: ListedRecord): ParkedRecordJson {
  return { id, key, subject, sequence: String(sequence), ordinal };
}
