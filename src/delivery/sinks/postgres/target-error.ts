import { HeadwaterError } from '../../../foundation/error.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { toConnectionError } from '../../../postgres/connection-error.ts';
import { sqlStateOf } from '../../../postgres/sql-state.ts';

/** What a SQLSTATE of the target means for its lane. https://www.postgresql.org/docs/18/errcodes-appendix.html */
const codeBySqlState: Readonly<Record<string, ErrorCode>> = {
  '28000': 'HW-SINK-002', // invalid_authorization_specification
  '28P01': 'HW-SINK-002', // invalid_password
  '42501': 'HW-SINK-003', // insufficient_privilege
  '57014': 'HW-SINK-004', // query_canceled: statement_timeout
  '3D000': 'HW-SINK-006', // invalid_catalog_name
  '3F000': 'HW-SINK-006', // invalid_schema_name
  '42P01': 'HW-SINK-006', // undefined_table
  '54000': 'HW-SINK-005', // program_limit_exceeded
  '25P03': 'HW-SINK-001', // idle_in_transaction_session_timeout
  '25P04': 'HW-SINK-004', // transaction_timeout
  '55P03': 'HW-SINK-009', // lock_not_available
  '57P01': 'HW-SINK-001', // admin_shutdown
  '57P02': 'HW-SINK-001', // crash_shutdown
  '57P03': 'HW-SINK-001', // cannot_connect_now
  '57P05': 'HW-SINK-001', // idle_session_timeout
  '25006': 'HW-SINK-001', // read_only_sql_transaction: a standby that is about to be promoted, or a wrong host
};

/** By the first two letters, for classes of which every member means the same. */
const codeByClass: Readonly<Record<string, ErrorCode>> = {
  '08': 'HW-SINK-001', // connection exception
  '40': 'HW-SINK-009', // transaction rollback
  '53': 'HW-SINK-001', // insufficient resources: connections, memory, disk
  '58': 'HW-SINK-001', // system error
};

/** Errors of the login and the socket carry the codes of the source side, which uses the same driver. */
const codeBySource: Readonly<Record<string, ErrorCode>> = {
  'HW-SOURCE-002': 'HW-SINK-001',
  'HW-SOURCE-003': 'HW-SINK-002',
  'HW-SOURCE-004': 'HW-SINK-006',
  'HW-SOURCE-005': 'HW-SINK-001',
  'HW-SOURCE-006': 'HW-SINK-012',
  'HW-SOURCE-023': 'HW-SINK-001',
  'HW-SOURCE-026': 'HW-SINK-011',
  'HW-SOURCE-027': 'HW-SINK-012',
  'HW-SOURCE-029': 'HW-SINK-004',
};

/**
 * The typed error for what the target or its driver threw. `subject` says what was being done. The server's message is kept;
 * its detail, which quotes row values, and the error itself, which carries it, are not.
 */
export function toTargetError(thrown: unknown, subject: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return translate(thrown, subject);
  const sqlState = sqlStateOf(thrown);
  if (sqlState === undefined) return translate(toConnectionError(thrown, subject), subject);
  const code = codeBySqlState[sqlState] ?? codeByClass[sqlState.slice(0, 2)] ?? 'HW-SINK-007';
  const text = thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '').slice(0, 500) : '';
  return new HeadwaterError(code, `${subject}: ${withoutValues(sqlState, text)} (SQLSTATE ${sqlState})`, {
    details: { sqlState, ...namedObjects(thrown) },
  });
}

function translate(error: HeadwaterError, subject: string): HeadwaterError {
  const code = codeBySource[error.code];
  if (code !== undefined) return new HeadwaterError(code, error.message, { details: error.details });
  return error.code.startsWith('HW-SOURCE-')
    ? new HeadwaterError('HW-SINK-007', `${subject}: ${error.message}`)
    : error;
}

/** Messages of the class "data exception" quote the value that they refuse: `invalid input syntax for type integer: "…"`. */
function withoutValues(sqlState: string, text: string): string {
  return sqlState.startsWith('22') ? text.replace(/: ".*$/, '').replace(/"[^"]*"/g, '"…"') : text;
}

function namedObjects(thrown: unknown): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const field of ['schema', 'table', 'column', 'constraint']) {
    const value: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, field) : undefined;
    if (typeof value === 'string') names[field] = value;
  }
  return names;
}
