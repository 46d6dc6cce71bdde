import { HeadwaterError } from '../../foundation/error.ts';
import { type ErrorCode, isErrorCode } from '../../foundation/error-codes.ts';
import type { BoundaryReader, BoundaryReport, Freshness, LaneBoundary, ReadyOptions } from '../../model/freshness.ts';

/** Where a service of another process is asked. */
export interface FreshClientOptions {
  /** Of its HTTP interface: `http://127.0.0.1:7071`. */
  readonly url: string;
  /** Its `http.token`, where it has one. */
  readonly bearer?: string | undefined;
  /** Default: the runtime's own. */
  readonly fetch?: (url: string, init: FreshRequestInit) => Promise<Response>;
}

/** What of a request's settings is used. */
export interface FreshRequestInit {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | null;
}

/** A running service in another process, asked for how fresh its lanes are. */
export interface FreshClient extends BoundaryReader {
  /**
   * Resolves when the store behind the lane shows everything that a version token stands for.
   * @throws as `Headwater.readyFor`; HW-TOKEN-008 when the service does not answer
   */
  readyFor(lane: string, token: string, options?: ReadyOptions): Promise<Freshness>;
}

/** Makes a client. Connects to nothing before it is asked. */
export function createFreshClient(options: FreshClientOptions): FreshClient {
  return {
    async readyFor(lane, token, { parked, signal, timeoutMs } = {}) {
      const search = new URLSearchParams({ lane, token });
      if (timeoutMs !== undefined) search.set('timeoutMs', String(Math.ceil(timeoutMs)));
      if (parked !== undefined) search.set('parked', parked);
      return toFreshness(await ask(options, search, signal));
    },
    async readBoundaries(token, signal) {
      return toBoundaries(await ask(options, new URLSearchParams({ token }), signal));
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

async function ask(
  options: FreshClientOptions,
  search: URLSearchParams,
  signal: AbortSignal | undefined,
): Promise<Fields> {
  const { bearer, fetch = globalThis.fetch, url } = options;
  const headers = {
    accept: 'application/json',
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  };
  let statusCode: number;
  let answer: Fields;
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}/fresh?${search.toString()}`, {
      headers,
      signal: signal ?? null,
    });
    statusCode = response.status;
    answer = toFields(await response.json());
  } catch (thrown) {
    if (signal?.aborted === true) throw signal.reason;
    throw new HeadwaterError('HW-TOKEN-008', `the service at ${new URL(url).host} did not answer`, { cause: thrown });
  }
  if (statusCode === 200 && answer['version'] === 1) return answer;
  throw toError(answer, statusCode);
}

/** The refusal as the service itself would have thrown it. */
function toError(answer: Fields, statusCode: number): HeadwaterError {
  const { code, details, hint, message } = toFields(answer['error']);
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') {
    return new HeadwaterError('HW-TOKEN-008', `the service answered with status ${statusCode}`);
  }
  return rebuild(code, message, { details: toFields(details), hint });
}

function rebuild(
  code: ErrorCode,
  message: string,
  rest: { readonly details: Fields; readonly hint: unknown },
): HeadwaterError {
  const details: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(rest.details)) {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      details[name] = value;
  }
  return new HeadwaterError(code, message, { details, ...(typeof rest.hint === 'string' ? { hint: rest.hint } : {}) });
}

function toFreshness(answer: Fields): Freshness {
  const [position, lag] = [toFields(answer['position']), toFields(answer['lag'])];
  return {
    lane: String(answer['lane']),
    position: {
      sequence: readBigInt(position['sequence']),
      commitEndLsn: readBigInt(position['commitEndLsn']),
      commitTimeMicros: readBigInt(position['commitTimeMicros']),
    },
    lag: { transactionCount: readBigInt(lag['transactionCount']), ageMs: Number(lag['ageMs']) },
    parkedCount: Number(answer['parkedCount']),
    waitedMs: Number(answer['waitedMs']),
  };
}

function toBoundaries({ journal, lanes }: Fields): BoundaryReport {
  if ((journal !== 'pending' && journal !== 'journaled') || !Array.isArray(lanes)) throw unreadable();
  return { journal, lanes: lanes.map((lane) => toLaneBoundary(toFields(lane))) };
}

function toLaneBoundary({ lane, sink, state }: Fields): LaneBoundary {
  if (state !== 'pending' && state !== 'applied' && state !== 'parked') throw unreadable();
  return { lane: String(lane), sink: String(sink), state };
}

function readBigInt(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw unreadable();
  return BigInt(value);
}

function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function unreadable(): HeadwaterError {
  return new HeadwaterError('HW-TOKEN-008', 'the service answered in a form that this release does not read');
}
