import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What is found in an error of the client, its causes included. */
interface ErrorFacts {
  /** AMQP reply codes as numbers, codes of sockets and TLS as texts. */
  readonly codes: ReadonlySet<string | number>;
  readonly text: string;
}

/** By the words of the broker; the first that fits counts. In the handshake the client gives no number. */
const textCodes: readonly (readonly [pattern: RegExp, code: ErrorCode])[] = [
  // All that the client tells of the broker's refusal: the step in which it came.
  [/expected ConnectionOpenOk; got <ConnectionClose/i, 'HW-RABBITMQ-019'],
  [/login was refused|can only connect via localhost|SASL mechanism \S+ is not provided/i, 'HW-RABBITMQ-004'],
  [/handshake terminated by server: 403/i, 'HW-RABBITMQ-004'],
  [/message size .* larger than/is, 'HW-RABBITMQ-008'],
];

const replyCodes: readonly (readonly [reply: number, code: ErrorCode])[] = [
  [311, 'HW-RABBITMQ-008'],
  [403, 'HW-RABBITMQ-005'],
  [404, 'HW-RABBITMQ-006'],
  [405, 'HW-RABBITMQ-007'],
  [406, 'HW-RABBITMQ-018'],
  [402, 'HW-RABBITMQ-018'],
  [503, 'HW-RABBITMQ-018'],
  [530, 'HW-RABBITMQ-018'],
  [540, 'HW-RABBITMQ-018'],
];

// A connection that is reset in the handshake is none of these: a server that restarts does that, too.
const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/;

/**
 * Turns what the client or the broker says into a typed error: what waiting can mend has the policy `retry`, the rest `stop`.
 * `fallback` is the code for what says nothing definite, a lost connection first of all.
 */
export function toRabbitmqError(
  thrown: unknown,
  context: string,
  fallback: ErrorCode = 'HW-RABBITMQ-003',
): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const facts = readFacts(thrown);
  const message = facts.text === '' ? context : `${context}: ${facts.text}`;
  return new HeadwaterError(decideCode(facts, fallback), message, { cause: thrown });
}

/** The AMQP reply code of a channel that the broker closed; undefined for anything else. */
export function replyCodeOf(thrown: unknown): number | undefined {
  const isCoded = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number';
  return isCoded ? Number(thrown.code) : undefined;
}

function decideCode({ codes, text }: ErrorFacts, fallback: ErrorCode): ErrorCode {
  for (const [pattern, code] of textCodes) if (pattern.test(text)) return code;
  for (const [reply, code] of replyCodes) if (codes.has(reply)) return code;
  if ([...codes].some((code) => typeof code === 'string' && tlsCodes.test(code))) return 'HW-RABBITMQ-014';
  return fallback;
}

const depthMax = 8;

function readFacts(thrown: unknown): ErrorFacts {
  const codes = new Set<string | number>();
  const texts: string[] = [];
  let error = thrown;
  for (let depth = 0; error instanceof Error && depth < depthMax; depth += 1) {
    if (error.message !== '') texts.push(error.message);
    if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) codes.add(error.code);
    error = error instanceof AggregateError ? error.errors[0] : error.cause;
  }
  return { codes, text: texts.join(': ') };
}
