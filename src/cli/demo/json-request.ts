import { Agent, request } from 'node:http';

/** What a server answered. */
export interface JsonAnswer {
  readonly statusCode: number;
  readonly body: unknown;
}

/** One call over HTTP. */
export interface JsonCall {
  readonly port: number;
  readonly path: string;
  /** Sent by POST; without it the call is a GET. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Connections are kept, as real clients do: a call may meet one that the other side has just lost. */
const agent = new Agent({ keepAlive: true, maxSockets: 128 });

/**
 * Calls a program of the demo on this machine. Rejects with Node's error when the connection is refused (`ECONNREFUSED`:
 * nothing was sent) or lost (`ECONNRESET`: nobody knows what happened), and with the signal's reason at the time limit.
 */
export function callJson(call: JsonCall): Promise<JsonAnswer> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const limit = AbortSignal.timeout(call.timeoutMs);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port: call.port,
        path: call.path,
        method: body === undefined ? 'GET' : 'POST',
        headers:
          body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: call.signal === undefined ? limit : AbortSignal.any([limit, call.signal]),
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const isJson = answer.headers['content-type'] === 'application/json';
          resolve({ statusCode: answer.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Whether a call failed before anything of it was sent. */
export function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}
