import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** Primary result codes, and what they are to the lane: https://www.sqlite.org/rescode.html */
const codes: Readonly<Record<number, ErrorCode>> = {
  1: 'HW-SINK-007', // a statement that does not run here
  3: 'HW-SINK-003', // permission
  5: 'HW-SINK-009', // another connection holds a lock
  6: 'HW-SINK-009',
  8: 'HW-SINK-003', // read-only
  10: 'HW-SINK-001', // the disk failed
  11: 'HW-SQLITE-002', // damaged
  13: 'HW-SQLITE-003', // no room
  14: 'HW-SINK-003', // cannot be opened although its directory is there
  18: 'HW-SINK-005', // too large
  19: 'HW-SINK-007', // a constraint
  20: 'HW-SINK-007', // a type
  23: 'HW-SINK-003', // authorization
  25: 'HW-SINK-007', // a parameter too many
  26: 'HW-SQLITE-002', // no database
};

/** A failure of SQLite by its result code; what was thrown otherwise, a value that cannot be bound, is the statement's. Pure. */
export function toSqliteError(thrown: unknown, subject: string): HeadwaterError {
  const code = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) & 0xff : undefined;
  return HeadwaterError.from(thrown, (code === undefined ? undefined : codes[code]) ?? 'HW-SINK-007', subject);
}
