import type { HeadwaterError } from '../../foundation/error.ts';
import type { ErrorCode } from '../../foundation/error-codes.ts';
import { errorDefinition } from '../../foundation/error-codes.ts';

/** The status of each refusal that a client sees. Anything else is a failure of the server. */
const statuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  'HW-IDEMPOTENCY-001': 400,
  'HW-IDEMPOTENCY-002': 400,
  'HW-IDEMPOTENCY-003': 422,
  'HW-IDEMPOTENCY-004': 409,
  'HW-IDEMPOTENCY-005': 413,
  'HW-IDEMPOTENCY-006': 503,
  'HW-IDEMPOTENCY-008': 409,
  'HW-IDEMPOTENCY-012': 400,
};
const failureStatus = 500;

/**
 * An error as a problem of RFC 9457: `type` names the code, `code` is the code again for machines. What failed inside is told by
 * its code's title alone; messages of a database or of the application stay here.
 */
export function toProblem(error: HeadwaterError): Response {
  const status = statuses[error.code] ?? failureStatus;
  const { title, fix } = errorDefinition(error.code);
  const problem = {
    type: `urn:headwater:error:${error.code}`,
    title,
    status,
    detail: status === failureStatus ? title : error.message,
    code: error.code,
    fix,
  };
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  if (error.policy === 'retry') {
    headers.set('retry-after', String(Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1000))));
  }
  return new Response(`${JSON.stringify(problem)}\n`, { status, headers });
}
