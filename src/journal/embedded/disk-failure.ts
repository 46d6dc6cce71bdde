import { HeadwaterError } from '../../foundation/error.ts';

/** A failed write or flush by its code: no room left, or anything else. @returns HW-JOURNAL-007, -008, or what it was */
export function writeFailure(thrown: unknown, directory: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const code = systemCode(thrown);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return HeadwaterError.from(thrown, isFull ? 'HW-JOURNAL-007' : 'HW-JOURNAL-008', directory);
}

/** An error of the system while reading as HW-JOURNAL-020; anything else, a reason to cancel among it, as it was. */
export function readFailure(thrown: unknown, directory: string): unknown {
  if (thrown instanceof HeadwaterError || systemCode(thrown) === undefined) return thrown;
  return HeadwaterError.from(thrown, 'HW-JOURNAL-020', directory);
}

/** The code of an error that came from a call of the system. */
function systemCode(thrown: unknown): string | undefined {
  const isSystemError = thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
  return isSystemError && typeof thrown.code === 'string' ? thrown.code : undefined;
}
