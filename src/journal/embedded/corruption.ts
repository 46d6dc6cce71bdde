import { HeadwaterError } from '../../foundation/error.ts';

/** A refusal that names the file and the offset of the first byte that cannot be trusted. @returns HW-JOURNAL-005 */
export function corruptBytes(path: string, offset: number, what: string): HeadwaterError {
  return new HeadwaterError('HW-JOURNAL-005', `${path} at offset ${offset}: ${what}`, {
    details: { file: path, offset },
  });
}

/** A refusal of what a newer release may have written. @returns HW-JOURNAL-006 */
export function unknownFormat(path: string, offset: number, what: string): HeadwaterError {
  return new HeadwaterError('HW-JOURNAL-006', `${path} at offset ${offset}: ${what}`, {
    details: { file: path, offset },
  });
}

/** @returns HW-JOURNAL-017 */
export function missingFile(path: string, why: string): HeadwaterError {
  return new HeadwaterError('HW-JOURNAL-017', `${path} is missing: ${why}`, { details: { file: path } });
}
