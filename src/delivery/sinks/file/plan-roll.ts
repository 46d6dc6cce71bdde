/** What is known of the open file when a batch is written or time has passed. */
export interface OpenFileState {
  readonly byteCount: number;
  /** Whether it has lines besides positions: a file without any is never finished. */
  readonly hasLines: boolean;
  /** When its first line was written, in milliseconds since 1970. */
  readonly firstLineAt: number | undefined;
  /** Whether it ends with a whole transaction. */
  readonly endsTransaction: boolean;
}

/** When files are finished. */
export interface RollLimits {
  readonly rollBytes: number;
  readonly rollAgeMs: number;
}

/**
 * Whether the open file is to be finished. It waits for the end of the transaction, unless that one alone is larger than a file
 * may be. Pure.
 */
export function isRollDue(file: OpenFileState, limits: RollLimits, now: number): boolean {
  if (!file.hasLines || file.firstLineAt === undefined) return false;
  if (!file.endsTransaction) return file.byteCount >= 2 * limits.rollBytes;
  return file.byteCount >= limits.rollBytes || ageOf(file.firstLineAt, now) >= limits.rollAgeMs;
}

/** How long until the file is finished by its age; undefined while it has no line, or a transaction in it goes on. Pure. */
export function rollDelayMs(file: OpenFileState, { rollAgeMs }: RollLimits, now: number): number | undefined {
  if (!file.hasLines || file.firstLineAt === undefined || !file.endsTransaction) return undefined;
  return Math.max(0, rollAgeMs - ageOf(file.firstLineAt, now));
}

/** A wall clock that was put back makes no file older. */
function ageOf(firstLineAt: number, now: number): number {
  return Math.max(0, now - firstLineAt);
}
