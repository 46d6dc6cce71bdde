import { sha256 } from '../../foundation/digest.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { attempt } from './attempt.ts';
import { decide } from './decide.ts';
import { parseKeyHeader } from './key-header.ts';
import type { Claim, Found, Lease, ScopedKey } from './key-store.ts';
import { toProblem } from './problem.ts';
import type { AnyKeyedOperation } from './run-operation.ts';
import type { IdempotencySettings } from './settings.ts';
import { type FinalReply, readBody, writeReply } from './stored-reply.ts';

/** A request as it came. */
export interface Incoming {
  readonly request: Request;
  readonly native: unknown;
}

/**
 * Answers one request of a keyed operation: refusals as problems, what has finished as it was answered, everything else by running
 * the operation. Rejects with what `principal`, `parse` or `onFailure` threw, with HW-IDEMPOTENCY-013…015, and with the driver's
 * error where the key could not be claimed: nothing was begun then, and the framework answers as it does to other errors.
 */
export async function answerKeyed(
  operation: AnyKeyedOperation,
  incoming: Incoming,
  settings: IdempotencySettings,
): Promise<Response> {
  try {
    const asked = await readRequest(operation, incoming, settings);
    if (asked instanceof Response) return asked;
    const found = await acquire(asked, settings);
    if (found.kind === 'refused') return found.response;
    if (found.kind === 'finished') return writeReply(found.final, true);
    const end = await attempt(operation, found.lease, { settings, by: 'request' });
    if (end.kind === 'failed') return toProblem(end.error);
    if (end.kind === 'final') return writeReply(end.final, false);
    const { status, headers, body } = end.reply;
    return new Response(body.length === 0 ? null : body, {
      status,
      headers: headers.map(([name, value]) => [name, value]),
    });
  } catch (thrown) {
    if (thrown instanceof HeadwaterError && refusals.has(thrown.code)) return toProblem(thrown);
    throw thrown;
  }
}

/** Refuses a key where it would promise what nobody keeps. */
export function refuseKey(request: Request): Response | undefined {
  if (!request.headers.has('idempotency-key')) return undefined;
  return toProblem(new HeadwaterError('HW-IDEMPOTENCY-012', 'this operation is not repeatable, with a key or without'));
}

/** What the client can mend or wait for. */
const refusals: ReadonlySet<string> = new Set([
  'HW-IDEMPOTENCY-001',
  'HW-IDEMPOTENCY-002',
  'HW-IDEMPOTENCY-003',
  'HW-IDEMPOTENCY-004',
  'HW-IDEMPOTENCY-005',
]);

/** A request that may run: its key, its fingerprint and its input, or the refusal of that input. */
interface Asked {
  readonly scopedKey: ScopedKey;
  readonly fingerprint: string;
  readonly context: Claim['context'];
  readonly input:
    | { readonly kind: 'valid'; readonly json: string }
    | { readonly kind: 'refused'; readonly response: Response };
}

async function readRequest(
  operation: AnyKeyedOperation,
  { request, native }: Incoming,
  settings: IdempotencySettings,
): Promise<Asked | Response> {
  const principal = await settings.principal(request, native);
  if (principal instanceof Response) return principal;
  assertPrincipal(principal);
  const key = parseKeyHeader(request.headers.get('idempotency-key'));
  const body = await readWithin(request, settings.bodyBytesMax);
  const parsed = await operation.parse(withBody(request, body), native);
  return {
    scopedKey: { principal, operation: operation.name, key },
    fingerprint: await fingerprintOf(request, body, settings),
    context: readContext(request),
    input:
      parsed instanceof Response
        ? { kind: 'refused', response: parsed }
        : { kind: 'valid', json: JSON.stringify(parsed ?? null) },
  };
}

/** What a client says of where it comes from; what no event could carry is left out. */
function readContext({ headers }: Request): Claim['context'] {
  const traceparent = headers.get('traceparent');
  const correlationId = headers.get('x-correlation-id');
  const hasTrace = traceparent !== null && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent);
  const hasCorrelation = correlationId !== null && /^[\x20-\x7e]{1,255}$/.test(correlationId);
  return { ...(hasTrace ? { traceparent } : {}), ...(hasCorrelation ? { correlationId } : {}) };
}

function assertPrincipal(principal: string): void {
  if (principal.length > 0 && principal.length <= 255 && !principal.includes('\0')) return;
  const message = `the principal of a request has ${principal.length} characters; it has 1 to 255, none of them NUL`;
  throw new HeadwaterError('HW-IDEMPOTENCY-014', message);
}

async function readWithin(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  if (request.bodyUsed) {
    throw new HeadwaterError('HW-IDEMPOTENCY-015', 'the body of the request was read before it came here');
  }
  const tooLarge = new HeadwaterError('HW-IDEMPOTENCY-005', `the body of the request is larger than ${bytesMax} bytes`);
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge;
  const body = await readBody(request, bytesMax);
  if (body === undefined) throw tooLarge;
  return body;
}

/** The request once more, with the bytes that were read of it. */
function withBody(request: Request, body: Uint8Array<ArrayBuffer>): Request {
  const { method, headers, signal, url } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD' && body.length > 0;
  return new Request(url, { method, headers, signal, ...(hasBody ? { body } : {}) });
}

async function fingerprintOf(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  { fingerprint }: IdempotencySettings,
): Promise<string> {
  const url = new URL(request.url);
  const { method, headers } = request;
  const chosen = fingerprint?.({ method, url, headers, body });
  const head = chosen === undefined ? JSON.stringify(['1', method, url.pathname, url.search]) : '';
  const rest = chosen === undefined ? body : typeof chosen === 'string' ? new TextEncoder().encode(chosen) : chosen;
  const headBytes = new TextEncoder().encode(head);
  const bytes = new Uint8Array(headBytes.length + rest.length);
  bytes.set(headBytes);
  bytes.set(rest, headBytes.length);
  return Array.from(await sha256(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

type Acquired =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'finished'; readonly final: FinalReply }
  | { readonly kind: 'refused'; readonly response: Response };

/** Does what `decide` says until it comes to a lease, an answer or a refusal. A refused input never claims a key. */
async function acquire(asked: Asked, { tools, waitMsMax }: IdempotencySettings): Promise<Acquired> {
  const { store, clock } = tools;
  const { scopedKey, fingerprint, context, input } = asked;
  const beganAtMs = clock.monotonicMs();
  let hasLostTakeOver = false;
  let found: Found =
    input.kind === 'valid'
      ? await store.claim(scopedKey, { fingerprint, input: input.json, context })
      : await store.read(scopedKey);
  for (;;) {
    if (found.kind === 'lease') return found;
    const waitedMs = clock.monotonicMs() - beganAtMs;
    const action = decide(found.state, { fingerprint, waitedMs, waitMsMax, hasLostTakeOver });
    switch (action.kind) {
      case 'claim':
        if (input.kind === 'refused') return { kind: 'refused', response: input.response };
        found = await store.claim(scopedKey, { fingerprint, input: input.json, context });
        break;
      case 'take-over': {
        const lease = await store.takeOver(scopedKey, action.epoch);
        if (lease !== undefined) return { kind: 'lease', lease };
        hasLostTakeOver = true;
        found = await store.read(scopedKey);
        break;
      }
      case 'replay':
        if (found.final !== undefined) return { kind: 'finished', final: found.final };
        found = await store.read(scopedKey);
        break;
      case 'wait':
        await clock.sleep(action.delayMs);
        found = await store.read(scopedKey);
        break;
      case 'refuse-mismatch':
        throw new HeadwaterError('HW-IDEMPOTENCY-003', 'the key belongs to a request with another content');
      case 'refuse-in-progress': {
        const message = `a request with this key has been worked on for more than ${waitMsMax} ms`;
        throw new HeadwaterError('HW-IDEMPOTENCY-004', message, { retryAfterMs: action.retryAfterMs });
      }
    }
  }
}
