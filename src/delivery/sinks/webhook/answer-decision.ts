import type { Instant } from '../../../foundation/clock.ts';
import { errorDefinition, type ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { parseRetryAfter } from '../../../foundation/retry-after.ts';

/** What is looked at of an answer. Its body is never shown: it may hold anything. */
export interface WebhookAnswer {
  readonly statusCode: number;
  readonly retryAfter: string | undefined;
}

/** What an answer is judged by. */
export interface AnswerJudgement {
  readonly target: string;
  readonly now: Instant;
  readonly retryAfterMaxMs: number;
}

/** Statuses that mean something of their own; `docs/how-to/sink-webhook.md` has the same table. */
const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'HW-WEBHOOK-011',
  401: 'HW-WEBHOOK-005',
  403: 'HW-WEBHOOK-005',
  404: 'HW-WEBHOOK-006',
  405: 'HW-WEBHOOK-006',
  407: 'HW-WEBHOOK-005',
  408: 'HW-WEBHOOK-009', // Request Timeout
  409: 'HW-WEBHOOK-009', // Conflict: the receiver is at work on the same id
  410: 'HW-WEBHOOK-007',
  413: 'HW-WEBHOOK-011',
  421: 'HW-WEBHOOK-009', // Misdirected Request: another connection may do
  422: 'HW-WEBHOOK-011',
  423: 'HW-WEBHOOK-009', // Locked
  424: 'HW-WEBHOOK-009', // Failed Dependency
  425: 'HW-WEBHOOK-009', // Too Early
  429: 'HW-WEBHOOK-009', // Too Many Requests
};

/** What an answer means: undefined when the receiver has the record, else the error with its policy. Pure. */
export function decideAnswer(
  { statusCode, retryAfter }: WebhookAnswer,
  { target, now, retryAfterMaxMs }: AnswerJudgement,
): HeadwaterError | undefined {
  if (statusCode >= 200 && statusCode <= 299) return undefined;
  const code = codeByStatus[statusCode] ?? codeByClass(statusCode);
  const retryAfterMs =
    errorDefinition(code).policy === 'retry' ? parseRetryAfter(retryAfter, now, retryAfterMaxMs) : undefined;
  const wish = retryAfterMs === undefined ? '' : ` and asked to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  return new HeadwaterError(code, `the endpoint ${target} answered ${statusCode}${wish}`, {
    details: { statusCode },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function codeByClass(statusCode: number): ErrorCode {
  if (statusCode >= 500 && statusCode <= 599) return 'HW-WEBHOOK-009';
  if (statusCode >= 400 && statusCode <= 499) return 'HW-WEBHOOK-008';
  if (statusCode >= 300 && statusCode <= 399) return 'HW-WEBHOOK-004';
  return 'HW-WEBHOOK-010';
}
