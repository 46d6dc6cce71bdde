import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Random, systemRandom } from '../../foundation/random.ts';
import { planRetryDelayMs } from '../../foundation/retry.ts';
import { parseRetryAfter } from '../../foundation/retry-after.ts';
import { createUuidV7 } from '../../foundation/uuid.ts';
import { type AttemptEnd, decideRepeat } from './decide-repeat.ts';
import { parseKeyHeader } from './key-header.ts';
import type { SafetyOf } from './openapi-operations.ts';
import { mayRepeat, type OperationSafety } from './operation.ts';

/** How requests are sent again. Every field but the first has a default. */
export interface RepeatingFetchOptions {
  /** What each request is: `safetyFromOpenApi(document)`, or a function of yours. Undefined counts as `unsafe`. */
  readonly safetyOf: SafetyOf;
  /** What sends one attempt. Default: the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Attempts, the first included. Default 6. */
  readonly attemptsMax?: number;
  /** Milliseconds for all attempts and the waits between them. Default 30,000. */
  readonly budgetMs?: number;
  /** Milliseconds until an attempt counts as unanswered. Default 10,000. */
  readonly attemptTimeoutMs?: number;
  /** Ceilings of the waits in milliseconds, with full jitter. Defaults 100 and 5000; a longer `Retry-After` is honoured. */
  readonly initialDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** As the global `fetch`. */
export type RepeatingFetch = (input: Request | URL | string, init?: RequestInit) => Promise<Response>;

type Settings = Required<RepeatingFetchOptions>;

/**
 * A `fetch` that sends a request again when no answer came, or one that says "later", as far as its operation allows: `safe` and `natural`
 * always, `keyed` with the same `Idempotency-Key` (made here where the caller gave none), `unsafe` never. The body is held in memory.
 * Any other answer, and the last one, is returned as it is.
 *
 * Rejects with HW-IDEMPOTENCY-016 when no attempt was answered: `readOutcome(error)` is then `indeterminate` for what has effects, and
 * `details.key` is the key to go on with. With HW-IDEMPOTENCY-002 for a key of the caller's that is not valid. Rejects with `signal.reason` on cancel;
 * the request may have been sent.
 * @throws HW-IDEMPOTENCY-014 for limits that cannot hold
 */
export function createRepeatingFetch(options: RepeatingFetchOptions): RepeatingFetch {
  const settings: Settings = {
    fetch: (request) => globalThis.fetch(request),
    attemptsMax: 6,
    budgetMs: 30_000,
    attemptTimeoutMs: 10_000,
    initialDelayMs: 100,
    maxDelayMs: 5000,
    clock: systemClock,
    random: systemRandom,
    ...options,
  };
  for (const name of ['attemptsMax', 'budgetMs', 'attemptTimeoutMs', 'initialDelayMs', 'maxDelayMs'] as const) {
    if (Number.isFinite(settings[name]) && settings[name] >= 1) continue;
    throw new HeadwaterError('HW-IDEMPOTENCY-014', `${name} is a number of 1 or more, not ${String(settings[name])}`);
  }
  return (input, init) => sendRepeatedly(new Request(input, init), settings);
}

async function sendRepeatedly(request: Request, settings: Settings): Promise<Response> {
  const { attemptsMax, budgetMs, clock, initialDelayMs, maxDelayMs, random } = settings;
  const { signal } = request;
  const safety = settings.safetyOf(request) ?? 'unsafe';
  const headers = withKey(request, safety, settings);
  const init: RequestInit = request.body === null ? { headers } : { headers, body: await request.arrayBuffer() };
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const remainingMs = startedMs + budgetMs - clock.monotonicMs();
    const sent = await sendOnce(new Request(request, init), remainingMs, settings);
    const waitMs = decideRepeat(mayRepeat(safety), toEnd(sent, settings), {
      attempt,
      attemptsMax,
      remainingMs: startedMs + budgetMs - clock.monotonicMs(),
      delayMs: planRetryDelayMs({ initialDelayMs, maxDelayMs, maxAttempts: attemptsMax }, attempt, random.next()),
    });
    if (waitMs === undefined) {
      if (sent instanceof Response) return sent;
      throw unanswered(sent.cause, { safety, key: headers.get('idempotency-key'), attempts: attempt });
    }
    // Nobody reads it, and its connection is free again; or it has ended already.
    if (sent instanceof Response) await sent.body?.cancel().catch(() => undefined);
    await clock.sleep(waitMs, signal);
  }
}

/** The same key at every attempt. */
function withKey(request: Request, safety: OperationSafety, { clock, random }: Settings): Headers {
  const headers = new Headers(request.headers);
  if (safety !== 'keyed') return headers;
  const given = headers.get('idempotency-key');
  if (given === null) headers.set('idempotency-key', `"${createUuidV7(clock.now(), random)}"`);
  else parseKeyHeader(given);
  return headers;
}

/** Rejects on cancel only. */
async function sendOnce(
  request: Request,
  remainingMs: number,
  { attemptTimeoutMs, clock, fetch }: Settings,
): Promise<Response | { readonly cause: unknown }> {
  const late = new AbortController();
  const limitMs = Math.max(0, Math.min(attemptTimeoutMs, remainingMs));
  const timer = clock.setTimer(limitMs, () =>
    late.abort(new HeadwaterError('HW-IDEMPOTENCY-016', `no answer came within ${Math.round(limitMs)} ms`)),
  );
  try {
    return await fetch(new Request(request, { signal: AbortSignal.any([request.signal, late.signal]) }));
  } catch (thrown) {
    request.signal.throwIfAborted();
    return { cause: late.signal.aborted ? late.signal.reason : thrown };
  } finally {
    timer.clear();
  }
}

function toEnd(sent: Response | { readonly cause: unknown }, { budgetMs, clock }: Settings): AttemptEnd {
  if (!(sent instanceof Response)) return { kind: 'unanswered' };
  // One that is longer than the whole call is as good as endless.
  const retryAfterMs = parseRetryAfter(sent.headers.get('retry-after') ?? undefined, clock.now(), budgetMs + 1);
  return { kind: 'answered', status: sent.status, retryAfterMs };
}

function unanswered(
  cause: unknown,
  {
    attempts,
    key,
    safety,
  }: { readonly attempts: number; readonly key: string | null; readonly safety: OperationSafety },
): HeadwaterError {
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const outcome = safety === 'safe' ? 'not-applied' : 'indeterminate';
  return new HeadwaterError('HW-IDEMPOTENCY-016', `the request was sent ${times} and not answered`, {
    details: { outcome, safety, attempts, ...(key === null ? {} : { key }) },
    cause,
  });
}
