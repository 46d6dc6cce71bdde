import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { HeadwaterError } from '../foundation/error.ts';
import { isLoopback } from './config.ts';
import { answerFresh, type FreshAnswers } from './fresh-api.ts';
import type { FollowedLane } from './fresh-reads.ts';
import { formatMetrics } from './metrics-text.ts';
import { actOnParked, listParkedLanes, type ParkedLane, readParkedAction } from './parked-api.ts';
import { beginReplay, type BeginReplay } from './replay-api.ts';
import type { StandbyReport } from './standby-report.ts';
import { notReadyReasons, type StatusReport } from './status-report.ts';

/** Where to listen, who may ask, and where the answers come from. */
export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly status: () => Promise<StatusReport | StandbyReport>;
  /** The lanes whose parked records are listed, retried and dropped. */
  readonly lanes: readonly (ParkedLane & FollowedLane)[];
  readonly replay: BeginReplay;
  /** Undefined: there are no lanes yet that could be asked. */
  readonly fresh?: FreshAnswers | undefined;
}

/** A listening server. Disposal closes it and every connection. */
export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

interface Answer {
  readonly statusCode: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves `/livez`, `/readyz`, `/status`, `/metrics`, `/parked` and `/fresh` by GET, and `/parked/retry`, `/parked/drop` and `/replay` by POST of JSON,
 * a type that a page of another origin cannot send unasked. A Host header that is not loopback or allowed, and any
 * Origin but our own, is refused, so that a page in a browser can read nothing (DNS rebinding). With a token, everything but
 * `/livez` and `/readyz` needs it.
 * @throws HW-SERVICE-001 when the address cannot be had.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new HeadwaterError('HW-INTERNAL-003', 'the client went away')));
    answer(request, options, gone.signal).then(
      (answered) => respond(response, answered),
      (thrown: unknown) => respond(response, answerError(thrown)),
    );
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await listen(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, options: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new HeadwaterError('HW-SERVICE-001', `cannot listen on ${options.host}:${options.port}`, { cause }));
    });
    server.listen(options.port, options.host, () => resolve());
  });
}

async function answer(request: IncomingMessage, options: HttpServerOptions, signal: AbortSignal): Promise<Answer> {
  const refusal = refuse(request, options);
  if (refusal !== undefined) return refusal;
  switch (pathOf(request)) {
    case '/livez':
      return text(200, 'alive\n');
    case '/readyz': {
      const reasons = notReadyReasons(await options.status());
      return json(reasons.length === 0 ? 200 : 503, { version: 1, ready: reasons.length === 0, reasons });
    }
    case '/status': {
      const report = await options.status();
      return json(report.state === 'failed' ? 503 : 200, report);
    }
    case '/metrics':
      return {
        statusCode: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: formatMetrics(await options.status()),
      };
    case '/parked':
      return json(200, listParkedLanes(options.lanes));
    case '/fresh':
      return json(200, await answerFresh(searchOf(request), { ...options, signal }));
    case '/parked/retry':
      return json(200, actOnParked(options.lanes, await readParkedAction(request, 'retry')));
    case '/parked/drop':
      return json(200, actOnParked(options.lanes, await readParkedAction(request, 'drop')));
    case '/replay':
      return json(200, await beginReplay(request, options.replay));
    default:
      return json(404, { error: 'not found', paths: [...readPaths, ...writePaths] });
  }
}

/** Not found, not understood, not reachable, not in time; everything else is a conflict with what is. */
const statusCodes: Readonly<Record<number, number>> = { 2: 400, 4: 404, 6: 503, 7: 503 };

/** A refusal that has a code is told with it, as the command tells it; anything else is ours to look into. */
function answerError(thrown: unknown): Answer {
  if (!(thrown instanceof HeadwaterError)) return json(500, { error: 'the answer could not be put together' });
  const { code, message, hint, details, exitCode } = thrown;
  return json(statusCodes[exitCode] ?? 409, { version: 1, error: { code, message, hint, details } });
}

const readPaths = ['/livez', '/readyz', '/status', '/metrics', '/parked', '/fresh'];
const writePaths = ['/parked/retry', '/parked/drop', '/replay'];

function refuseMethod(request: IncomingMessage): Answer | undefined {
  const { method } = request;
  if (!writePaths.includes(pathOf(request))) {
    return method === 'GET' || method === 'HEAD' ? undefined : json(405, { error: 'only GET is served here' });
  }
  if (method !== 'POST') return json(405, { error: 'only POST is served here' });
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '');
  return isJson ? undefined : json(415, { error: 'only application/json is read' });
}

function refuse(request: IncomingMessage, options: HttpServerOptions): Answer | undefined {
  const refusal = refuseMethod(request);
  if (refusal !== undefined) return refusal;
  const host = hostName(request.headers.host);
  if (host === undefined || !isAllowedHost(host, options)) {
    return json(403, { error: 'the Host header is not allowed', fix: 'add the name to http.allowedHosts' });
  }
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${request.headers.host}`) {
    return json(403, { error: 'the Origin header is not allowed' });
  }
  const path = pathOf(request);
  if (path === '/livez' || path === '/readyz' || options.token === undefined) return undefined;
  if (hasToken(request.headers.authorization, options.token)) return undefined;
  return json(401, { error: 'a bearer token is needed' });
}

function isAllowedHost(host: string, options: HttpServerOptions): boolean {
  return (
    isLoopback(host) || options.allowedHosts.includes(host) || (host === options.host && options.token !== undefined)
  );
}

function hostName(header: string | undefined): string | undefined {
  const url = header === undefined ? null : URL.parse(`http://${header}`);
  return url?.hostname.replace(/^\[(.*)\]$/, '$1');
}

function hasToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function searchOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '').split('?').slice(1).join('?'));
}

function json(statusCode: number, value: unknown): Answer {
  return { statusCode, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

function text(statusCode: number, body: string): Answer {
  return { statusCode, contentType: 'text/plain; charset=utf-8', body };
}

function respond(response: ServerResponse, answered: Answer): void {
  response.writeHead(answered.statusCode, {
    'content-type': answered.contentType,
    'content-length': Buffer.byteLength(answered.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(response.req.method === 'HEAD' ? undefined : answered.body);
}
