import { HeadwaterError } from '../foundation/error.ts';
import { isErrorCode } from '../foundation/error-codes.ts';
import type { ReportedError } from './status-report.ts';

/** A HeadwaterError as plain values, for another thread: a class does not survive the way. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly details: HeadwaterError['details'];
  readonly stack: string;
}

/** Takes an error apart for the way to another thread. The cause stays behind, as part of the stack. */
export function toPlainError(error: HeadwaterError): PlainError {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    details: error.details,
    stack: `${error.stack ?? error.message}${cause}`,
  };
}

/** Puts an error together again. */
export function fromPlainError(plain: PlainError): HeadwaterError {
  const code = isErrorCode(plain.code) ? plain.code : 'HW-INTERNAL-001';
  const error = new HeadwaterError(code, plain.message, { details: plain.details, hint: plain.hint });
  error.stack = plain.stack;
  return error;
}

/** What `status` shows of an error. */
export function toReportedError(error: Pick<PlainError, 'code' | 'message' | 'hint'>): ReportedError {
  return { code: error.code, message: error.message, hint: error.hint };
}
