import type { ErrorCode } from '../foundation/error-codes.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { sqlStateOf } from './sql-state.ts';

const codeBySqlState: Readonly<Record<string, ErrorCode>> = {
  '28000': 'HW-SOURCE-003', // invalid_authorization_specification
  '28P01': 'HW-SOURCE-003', // invalid_password
  '3D000': 'HW-SOURCE-004', // invalid_catalog_name
  '42501': 'HW-SOURCE-008', // insufficient_privilege
  '55006': 'HW-SOURCE-012', // object_in_use
  '53300': 'HW-SOURCE-023', // too_many_connections: others leave
  '53400': 'HW-SOURCE-028', // configuration_limit_exceeded
  '57P01': 'HW-SOURCE-023', // admin_shutdown
  '57P02': 'HW-SOURCE-023', // crash_shutdown
  '57P03': 'HW-SOURCE-023', // cannot_connect_now
  '57P05': 'HW-SOURCE-023', // idle_session_timeout
  '25P03': 'HW-SOURCE-023', // idle_in_transaction_session_timeout
  '40001': 'HW-SOURCE-023', // serialization_failure
  '40P01': 'HW-SOURCE-023', // deadlock_detected
  '58000': 'HW-SOURCE-023', // system_error
  '58030': 'HW-SOURCE-023', // io_error
};

const codeByErrno: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'HW-SOURCE-002',
  ECONNRESET: 'HW-SOURCE-023',
  EPIPE: 'HW-SOURCE-023',
  ENOTFOUND: 'HW-SOURCE-002',
  EAI_AGAIN: 'HW-SOURCE-002',
  ETIMEDOUT: 'HW-SOURCE-002',
  EHOSTUNREACH: 'HW-SOURCE-002',
  ENETUNREACH: 'HW-SOURCE-002',
  EADDRNOTAVAIL: 'HW-SOURCE-002',
  ENOENT: 'HW-SOURCE-002',
  EACCES: 'HW-SOURCE-002',
};

/**
 * The typed error for what a PostgreSQL driver or its socket threw. `subject` says what was being done, without secrets.
 * The server's own message is kept; its detail, which may quote row values, is not, and the cause carries neither.
 */
export function toConnectionError(thrown: unknown, subject: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const sqlState = sqlStateOf(thrown);
  const text = thrown instanceof Error ? firstLine(thrown.message) : 'unknown error';
  if (sqlState !== undefined) {
    const code = isDatabaseClosed(thrown, sqlState) ? 'HW-SOURCE-023' : classifySqlState(sqlState, text);
    return new HeadwaterError(code, `${subject}: ${text} (SQLSTATE ${sqlState})`, { details: { sqlState } });
  }
  const code = classifySocketError(thrown, text);
  return new HeadwaterError(code, `${subject}: ${text === '' ? 'no connection' : text}`, {
    details: errnoDetails(thrown),
  });
}

/**
 * A database in maintenance (`allow_connections false`) refuses logins with object_not_in_prerequisite_state, which slots that
 * are lost for good give too. The server's own routine tells them apart; its message may be in any language.
 */
function isDatabaseClosed(thrown: unknown, sqlState: string): boolean {
  return sqlState === '55000' && thrown instanceof Error && Reflect.get(thrown, 'routine') === 'CheckMyDatabase';
}

function classifySqlState(sqlState: string, text: string): ErrorCode {
  // PgBouncer before 1.23 and other poolers refuse the start-up parameter `replication` or a setting in `options`.
  if (sqlState === '08P01' && /startup parameter/i.test(text)) return 'HW-SOURCE-006';
  const known = codeBySqlState[sqlState];
  if (known !== undefined) return known;
  return sqlState.startsWith('08') ? 'HW-SOURCE-023' : 'HW-SOURCE-024';
}

function classifySocketError(thrown: unknown, text: string): ErrorCode {
  const errno = errnoOf(thrown);
  const known = errno === undefined ? undefined : codeByErrno[errno];
  if (known !== undefined) return known;
  if (errno !== undefined && /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(errno)) return 'HW-SOURCE-005';
  if (/SSL connection|certificate/i.test(text)) return 'HW-SOURCE-005';
  if (/SASL|password/i.test(text)) return 'HW-SOURCE-003';
  if (/Query read timeout/.test(text)) return 'HW-SOURCE-029';
  if (/timeout expired|Connection terminated|not queryable/i.test(text)) return 'HW-SOURCE-023';
  return 'HW-SOURCE-024';
}

function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const code: unknown = Reflect.get(thrown, 'code');
  if (typeof code === 'string') return code;
  // Node tries every address of a name and throws all failures together.
  return thrown instanceof AggregateError ? errnoOf(thrown.errors[0]) : undefined;
}

function errnoDetails(thrown: unknown): Record<string, string> {
  const errno = errnoOf(thrown);
  return errno === undefined ? {} : { errno };
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 500);
}
