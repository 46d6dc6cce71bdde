import { HeadwaterError } from '../../foundation/error.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';

/**
 * What a consumer does after a failure: `unreadable`: parks the message; `stop`: ends, because every message would fail the same way; `wait`:
 * tries again and does not count it, because database or network are away; `count`: tries again, and parks after the last attempt.
 */
export type FailureDecision = 'unreadable' | 'stop' | 'wait' | 'count';

const unreadableCodes: ReadonlySet<string> = new Set(['HW-INBOX-004', 'HW-INBOX-005', 'HW-INBOX-006']);
const stopCodes: ReadonlySet<string> = new Set(['HW-INBOX-007', 'HW-INBOX-022', 'HW-INTERNAL-001']);
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/** Connection exceptions, resources, operator intervention, system errors, and conflicts that a repetition solves. */
const passingStates = /^(?:08|53|57P|58)|^(?:40001|40P01|55P03|25P03)$/;
/** How drivers say without a code that a connection is gone or none was to be had. */
const connectionWords =
  /^(?:connection terminated|client has encountered a connection error|timeout exceeded when trying to connect)/i;

/** Pure. */
export function decideFailure(thrown: unknown): FailureDecision {
  if (thrown instanceof HeadwaterError) {
    if (unreadableCodes.has(thrown.code)) return 'unreadable';
    if (stopCodes.has(thrown.code)) return 'stop';
  }
  return isPassing(thrown) ? 'wait' : 'count';
}

function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const sqlState = sqlStateOf(thrown);
  if (sqlState !== undefined) return passingStates.test(sqlState);
  const code: unknown = Reflect.get(thrown, 'code');
  if (typeof code === 'string' && networkCodes.has(code)) return true;
  return connectionWords.test(thrown.message);
}
