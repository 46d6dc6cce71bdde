import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What an error of the client, with all its causes, says. */
interface ErrorFacts {
  /** Names of the client's error classes: `TimeoutError`. */
  readonly names: Set<string>;
  /** JetStream's numbers of errors (10071), and codes of Node (`ECONNREFUSED`). */
  readonly codes: Set<string>;
  readonly messages: string[];
  /** 400, 503: how JetStream classes its error. */
  status: number | undefined;
}

/** The stream stands elsewhere than expected: by its sequence, or by the id of its last message. */
const elsewhereCodes = ['10070', '10071', '10164'];

/** Which answer of JetStream stands for which code; the first that is found decides. */
const answerCodes: readonly (readonly [ErrorCode, readonly string[]])[] = [
  ['HW-NATS-010', elsewhereCodes],
  ['HW-NATS-006', ['10059']],
  ['HW-NATS-021', ['10060']],
  ['HW-NATS-008', ['10054', '10097']],
  ['HW-NATS-022', ['10158']],
  // Limits of the stream, the account or the server; a full disk.
  ['HW-NATS-009', ['10002', '10023', '10028', '10047', '10077']],
  ['HW-NATS-017', ['10039', '10076']],
];

/** Whether JetStream answers that the stream stands elsewhere than expected. */
export function isElsewhere(thrown: unknown): boolean {
  const { codes } = readFacts(thrown);
  return elsewhereCodes.some((code) => codes.has(code));
}

/** Whether JetStream answers that there is no such stream. */
export function isMissingStream(thrown: unknown): boolean {
  return readFacts(thrown).codes.has('10059');
}

/**
 * Turns what the client or a server says into a typed error: what waiting can mend has the policy `retry`, the rest `stop`.
 * `fallback` is the code for what says nothing definite, a lost connection first of all.
 */
export function toNatsError(thrown: unknown, context: string, fallback: ErrorCode = 'HW-NATS-003'): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const facts = readFacts(thrown);
  const reason = facts.messages.at(-1);
  const code = decideCode(facts, fallback);
  return new HeadwaterError(code, reason === undefined ? context : `${context}: ${reason}`, { cause: thrown });
}

// A connection that is reset in the handshake is none of these: a server that restarts does that, too.
const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/;

function decideCode({ codes, messages, names, status }: ErrorFacts, fallback: ErrorCode): ErrorCode {
  for (const [code, answers] of answerCodes) if (answers.some((answer) => codes.has(answer))) return code;
  if (names.has('AuthorizationError') || names.has('UserAuthenticationExpiredError')) return 'HW-NATS-004';
  if (names.has('PermissionViolationError')) return 'HW-NATS-005';
  // The client's name for an answer that nobody is there to give: also while a cluster elects its leaders.
  if (names.has('JetStreamNotEnabled')) return 'HW-NATS-017';
  const isTls = [...codes].some((code) => tlsCodes.test(code)) || messages.some((text) => /\btls\b/i.test(text));
  if (isTls) return 'HW-NATS-018';
  return status !== undefined && status < 500 ? 'HW-NATS-016' : fallback;
}

const depthMax = 8;

function readFacts(thrown: unknown): ErrorFacts {
  const facts: ErrorFacts = { names: new Set(), codes: new Set(), messages: [], status: undefined };
  let error = thrown;
  for (let depth = 0; error instanceof Error && depth < depthMax; depth += 1) {
    facts.names.add(error.name);
    facts.messages.push(error.message);
    if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) {
      facts.codes.add(String(error.code));
    }
    if ('status' in error && typeof error.status === 'number') facts.status = error.status;
    error = error.cause;
  }
  return facts;
}
