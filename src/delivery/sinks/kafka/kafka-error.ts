import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What an error of the client, with all its causes, says. */
export interface ErrorFacts {
  /** Kafka's names of the errors in a broker's answer: `NOT_LEADER_OR_FOLLOWER`. */
  readonly answers: ReadonlySet<string>;
  /** Codes of the client and of Node: `PLT_KFK_NETWORK`, `ECONNREFUSED`. */
  readonly codes: ReadonlySet<string>;
  readonly messages: readonly string[];
  /** The client or the broker refused the login itself; a connection that was lost meanwhile does not count. */
  readonly isLoginRefused: boolean;
}

/** The answers by which Kafka refuses a producer whose epoch is over: another one came, or the transaction timed out. */
const fencedAnswers = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'TRANSACTION_COORDINATOR_FENCED'];

/** The coordinator says "not yet": nothing happened, and asking again soon is right. */
const busyAnswers = ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE'];

/** Collects what an error and everything below it says. */
export function readErrorFacts(thrown: unknown): ErrorFacts {
  const facts = {
    answers: new Set<string>(),
    codes: new Set<string>(),
    messages: [] as string[],
    isLoginRefused: false,
  };
  collect(thrown, facts, 0);
  return facts;
}

/** Whether the answer says that the producer's epoch is over. */
export function isFenced(thrown: unknown): boolean {
  return hasAnswer(thrown, fencedAnswers);
}

/** Whether the coordinator asks for a little patience. */
export function isBusy(thrown: unknown): boolean {
  return hasAnswer(thrown, busyAnswers);
}

/** Whether a broker's answer has one of these names. */
export function hasAnswer(thrown: unknown, answers: readonly string[]): boolean {
  const facts = readErrorFacts(thrown);
  return answers.some((answer) => facts.answers.has(answer));
}

/**
 * Turns what the client or a broker says into a typed error: what waiting can mend has the policy `retry`, the rest `stop`.
 * `fallback` is the code for what says nothing definite, a lost connection first of all.
 */
export function toKafkaError(thrown: unknown, context: string, fallback: ErrorCode = 'HW-KAFKA-003'): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const facts = readErrorFacts(thrown);
  const code = decideCode(facts, fallback);
  const answer = [...facts.answers].join(', ');
  const reason = answer === '' ? facts.messages.at(-1) : answer;
  return new HeadwaterError(code, reason === undefined ? context : `${context}: ${reason}`, {
    cause: thrown,
    details: answer === '' ? {} : { kafkaError: answer },
  });
}

/** Which answer stands for which code; the first that is found decides. */
const answerCodes: readonly (readonly [ErrorCode, readonly string[]])[] = [
  ['HW-KAFKA-004', ['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE']],
  [
    'HW-KAFKA-005',
    [
      'TOPIC_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'GROUP_AUTHORIZATION_FAILED',
      'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
    ],
  ],
  ['HW-KAFKA-008', ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']],
  ['HW-KAFKA-020', ['INVALID_TOPIC_EXCEPTION']],
  ['HW-KAFKA-017', ['UNSUPPORTED_VERSION', 'UNSUPPORTED_FOR_MESSAGE_FORMAT']],
  ['HW-KAFKA-009', ['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']],
  [
    'HW-KAFKA-016',
    [
      'INVALID_REQUIRED_ACKS',
      'INVALID_TIMESTAMP',
      'INVALID_TRANSACTION_TIMEOUT',
      'INVALID_RECORD',
      'POLICY_VIOLATION',
      'INVALID_CONFIG',
      'INVALID_PARTITIONS',
      'INVALID_REPLICATION_FACTOR',
      'SECURITY_DISABLED',
    ],
  ],
];

/** What Node says of certificates, keys and settings that it refuses itself: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const ownTlsCodes =
  /^(ERR_TLS_(?!HANDSHAKE_TIMEOUT)|ERR_OSSL_|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH|ERROR_IN_C)/;

/**
 * What OpenSSL says when the two sides cannot agree or one refuses the other's certificate. Not every error of TLS: a broker
 * that goes down in the middle of a handshake or of a record leaves errors, too, and those are waited for.
 */
const refusedTls =
  /certificate|unknown[ _]ca|handshake[ _]failure|wrong[ _]version[ _]number|protocol[ _]version|unsupported[ _]protocol|no[ _](?:shared[ _])?cipher/i;

function isTlsRefusal({ codes, messages }: ErrorFacts): boolean {
  return (
    [...codes].some((code) => ownTlsCodes.test(code) || (code.startsWith('ERR_SSL_') && refusedTls.test(code))) ||
    messages.some((text) => text.includes('requires TLS') || (text.includes('SSL routines') && refusedTls.test(text)))
  );
}

function decideCode(facts: ErrorFacts, fallback: ErrorCode): ErrorCode {
  for (const [code, answers] of answerCodes) {
    if (answers.some((answer) => facts.answers.has(answer))) return code;
  }
  if (isTlsRefusal(facts)) return 'HW-KAFKA-018';
  return facts.isLoginRefused ? 'HW-KAFKA-004' : fallback;
}

const depthMax = 8;

function collect(
  thrown: unknown,
  facts: { answers: Set<string>; codes: Set<string>; messages: string[]; isLoginRefused: boolean },
  depth: number,
): void {
  if (!(thrown instanceof Error) || depth > depthMax) return;
  facts.messages.push(thrown.message);
  if ('apiId' in thrown && typeof thrown.apiId === 'string') facts.answers.add(thrown.apiId);
  if (thrown instanceof AggregateError) for (const error of thrown.errors) collect(error, facts, depth + 1);
  collect(thrown.cause, facts, depth + 1);
  const code = codeOf(thrown);
  if (code === undefined) return;
  facts.codes.add(code);
  // The client calls a login refused that only ended with the connection.
  const isCutOff = lostCodes.has(codeOf(thrown.cause) ?? '');
  if (code === 'PLT_KFK_AUTHENTICATION' && !isCutOff) facts.isLoginRefused = true;
}

const lostCodes: ReadonlySet<string> = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
