import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What the system calls it (`man 3 errno`), and what it is to the lane. Everything else is a failure of the disk. */
const codes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'HW-FILE-002',
  ENOTDIR: 'HW-FILE-002',
  EACCES: 'HW-FILE-003',
  EPERM: 'HW-FILE-003',
  EROFS: 'HW-FILE-003',
  ENOSPC: 'HW-FILE-004',
  EDQUOT: 'HW-FILE-004',
  EFBIG: 'HW-FILE-004',
};

/** A failure of the file system by its code. Pure. */
export function toFileError(thrown: unknown, path: string): HeadwaterError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return HeadwaterError.from(thrown, codes[code] ?? 'HW-FILE-005', path);
}
