import {
  type Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { urlToHttpOptions } from 'node:url';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { WebhookAnswer } from './answer-decision.ts';

/** One request. */
export interface WebhookRequest {
  readonly url: URL;
  readonly agent: HttpAgent;
  readonly lookup: LookupFunction;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array;
}

/** Of an answer's body no more is read; none of it is kept. */
const answerBytesMax = 65_536;
/** Of an answer's head, too. */
const headBytesMax = 16_384;

/**
 * Sends a request and reads its answer to the end, so that a connection that breaks in the middle counts as no answer. A body
 * beyond 64 KiB is not read further: the status stands, and the connection is given up. Follows nothing. Aborting the signal
 * ends the connection and rejects with its reason; whatever else fails rejects with what Node says.
 */
export function sendRequest(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const sent = begin(request);
    let isAnswered = false;
    const answer = (answered: WebhookAnswer): void => {
      isAnswered = true;
      resolve(answered);
    };
    const abort = (): void => {
      reject(signal.reason);
      sent.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    sent.on('error', reject);
    sent.on('response', (response) => readAnswer(response, sent, { resolve: answer, reject }));
    // Comes last in every case. Without an answer and without an error, too: after 101, which nobody asked for.
    sent.on('close', () => {
      signal.removeEventListener('abort', abort);
      if (isAnswered) return;
      reject(new HeadwaterError('HW-SINK-001', `the connection to ${request.url.host} ended without an answer`));
    });
    sent.end(request.body);
  });
}

const urlOptions = new WeakMap<URL, RequestOptions>();

/** Taken apart once for all requests. */
function optionsOf(url: URL): RequestOptions {
  let options = urlOptions.get(url);
  if (options === undefined) {
    options = { ...urlToHttpOptions(url) };
    urlOptions.set(url, options);
  }
  return options;
}

function begin({ url, agent, lookup, headers, body }: WebhookRequest): ClientRequest {
  const options = {
    ...optionsOf(url),
    method: 'POST',
    agent,
    lookup,
    maxHeaderSize: headBytesMax,
    headers: { ...headers, 'content-length': body.byteLength },
  };
  return url.protocol === 'https:' ? requestHttps(options) : requestHttp(options);
}

interface Settle {
  readonly resolve: (answer: WebhookAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** Settles in the same turn as the event, so that the end of the answer always counts before the end of the connection. */
function readAnswer(response: IncomingMessage, sent: ClientRequest, { resolve, reject }: Settle): void {
  const answer = { statusCode: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] };
  let byteCount = 0;
  response.on('error', reject);
  response.on('end', () => resolve(answer));
  response.on('data', (chunk: Buffer) => {
    byteCount += chunk.byteLength;
    if (byteCount <= answerBytesMax) return;
    resolve(answer);
    sent.destroy();
  });
}
