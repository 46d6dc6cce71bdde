import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What the first word of an answer of Redis stands for. */
const codeByWord: Readonly<Record<string, ErrorCode>> = {
  WRONGPASS: 'HW-SINK-002',
  NOAUTH: 'HW-SINK-002',
  NOPERM: 'HW-SINK-003',
  LOADING: 'HW-REDIS-006',
  BUSY: 'HW-REDIS-006',
  READONLY: 'HW-REDIS-006',
  MASTERDOWN: 'HW-REDIS-006',
  NOREPLICAS: 'HW-REDIS-006',
  MISCONF: 'HW-REDIS-006',
  TRYAGAIN: 'HW-REDIS-006',
  UNKILLABLE: 'HW-REDIS-006',
  OOM: 'HW-REDIS-007',
  MOVED: 'HW-REDIS-003',
  ASK: 'HW-REDIS-003',
  CROSSSLOT: 'HW-REDIS-003',
  CLUSTERDOWN: 'HW-REDIS-003',
};

/** What the older servers say without such a word, and what names a place that is not there. */
const codeByText: readonly (readonly [RegExp, ErrorCode])[] = [
  [/invalid password|AUTH <password> called without|Client sent AUTH, but no password/i, 'HW-SINK-002'],
  [/DB index is out of range|invalid DB index/i, 'HW-SINK-006'],
  [/max number of clients reached/i, 'HW-REDIS-006'],
];

const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|HOSTNAME_MISMATCH)/;

/**
 * Turns what the client or the server says into a typed error. An answer of the server names itself by its first word; an
 * error of the path says nothing of what became of the command. Values in it stay out: an answer is cut to its first line.
 */
export function toRedisError(thrown: unknown, subject: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const code = isAnswer(thrown) ? codeOfAnswer(text) : codeOfPath(thrown, text);
  const line = withoutScript(text.split('\n', 1)[0] ?? '').slice(0, 300);
  return new HeadwaterError(code, `${subject}: ${line === '' ? 'the connection was lost' : line}`, {
    details: isAnswer(thrown) ? { redisError: firstWord(line) } : {},
  });
}

/** An error inside a script has the place in the script around it. */
function withoutScript(line: string): string {
  return line
    .replace(/^(ERR )?Error running script \(call to \S+\): @user_script:\d+: /, '')
    .replace(/ script: [0-9a-f]{40}, on @user_script:\d+\.?$/, '');
}

function codeOfAnswer(text: string): ErrorCode {
  const line = withoutScript(text);
  const word = codeByWord[firstWord(line.replace(/^-/, ''))];
  return word ?? codeByText.find(([pattern]) => pattern.test(line))?.[1] ?? 'HW-REDIS-015';
}

function codeOfPath(thrown: unknown, text: string): ErrorCode {
  const code = typeof thrown === 'object' && thrown !== null ? String(Reflect.get(thrown, 'code')) : '';
  return tlsCodes.test(code) || /certificate|wrong version number/i.test(text) ? 'HW-REDIS-002' : 'HW-SINK-001';
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}

/** The client's classes are not loaded here: an answer is known by the class's name, or that of the one it extends. */
function isAnswer(thrown: unknown): boolean {
  for (let prototype = thrown; typeof prototype === 'object' && prototype !== null;) {
    prototype = Object.getPrototypeOf(prototype);
    const maker: unknown = prototype === null ? undefined : Reflect.get(Object(prototype), 'constructor');
    if (typeof maker === 'function' && maker.name === 'ErrorReply') return true;
  }
  return false;
}
