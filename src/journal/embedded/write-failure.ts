import { HeadwaterError } from '../../foundation/error.ts';

/** A failed write or flush by its code: no room left, or anything else. @returns HW-JOURNAL-007, -008, or what it was */
export function writeFailure(thrown: unknown, directory: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return HeadwaterError.from(thrown, isFull ? 'HW-JOURNAL-007' : 'HW-JOURNAL-008', directory);
}
