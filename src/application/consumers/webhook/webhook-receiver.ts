import { HeadwaterError } from '../../../foundation/error.ts';
import {
  type ReceivedHeaders,
  verifyWebhook,
  type VerifyWebhookOptions,
} from '../../../delivery/sinks/webhook/verify-webhook.ts';
import type { Inbox } from '../../inbox/inbox.ts';
import type { InboxResult } from '../../inbox/inbox-result.ts';
import type { ReceivedMessage } from '../../inbox/received-message.ts';
import { decideFailure } from '../failure-decision.ts';
import { readWebhookMessage } from './webhook-message.ts';

/** What `webhookReceiver` takes. */
export interface WebhookReceiverOptions extends VerifyWebhookOptions {
  readonly inbox: Pick<Inbox<unknown>, 'receive'>;
  /** `whsec_…` or `whpk_…`; several while one is replaced by another. Asked at each request where it is a function. */
  readonly secrets: string | readonly string[] | (() => string | readonly string[]);
  /** Whom the secrets belong to: the scope of the ids of requests that name no installation. Default `webhook`. */
  readonly sender?: string;
  /** Larger bodies are refused. Default 1,048,576. */
  readonly bodyBytesMax?: number;
  /** Reads requests that Headwater did not send; the signature has been checked. Default: the body of Headwater's webhook sink. */
  readonly read?: (id: string, body: Uint8Array) => ReceivedMessage;
}

/** What a request is answered. The body is a sentence for the sender's log, without anything of the message. */
export interface WebhookAnswer {
  /**
   * 204: committed now or before, or stale. 202: kept, and not yet taken. 400, 413, 422: cannot be read. 401: the signature does not fit.
   * 409: another content came under this id. 503: not committed; to be sent again.
   */
  readonly statusCode: 202 | 204 | 400 | 401 | 409 | 413 | 422 | 503;
  readonly reason: string;
}

/** Answers the requests of one endpoint, as a fetch handler, or by headers and body for any other server. */
export interface WebhookReceiver {
  (request: Request): Promise<Response>;
  /** Never rejects but for an error of `onResult`. The body is what was received, byte for byte. */
  take(headers: ReceivedHeaders, body: Uint8Array): Promise<WebhookAnswer>;
}

const bodyBytesMaxDefault = 1_048_576;

/** Makes a receiver of signed webhooks whose effects are taken by an inbox; answers success only once that has committed. */
export function webhookReceiver(options: WebhookReceiverOptions): WebhookReceiver {
  const take = (headers: ReceivedHeaders, body: Uint8Array): Promise<WebhookAnswer> =>
    takeRequest(options, headers, body);
  async function receive(request: Request): Promise<Response> {
    const body = await readBody(request, options.bodyBytesMax ?? bodyBytesMaxDefault);
    const { reason, statusCode } = body === undefined ? tooLarge : await take(request.headers, body);
    if (statusCode === 204) return new Response(null, { status: 204 });
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      ...(statusCode === 503 ? { 'retry-after': '1' } : {}),
    };
    return new Response(`${reason}\n`, { status: statusCode, headers });
  }
  return Object.assign(receive, { take });
}

const tooLarge: WebhookAnswer = { statusCode: 413, reason: 'the body is too large' };

/** Undefined: it is larger than allowed, and no more of it was read. */
async function readBody(request: Request, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const body: AsyncIterable<Uint8Array> | null = request.body;
  if (body === null) return new Uint8Array();
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function takeRequest(
  { inbox, bodyBytesMax = bodyBytesMaxDefault, ...options }: WebhookReceiverOptions,
  headers: ReceivedHeaders,
  body: Uint8Array,
): Promise<WebhookAnswer> {
  if (body.length > bodyBytesMax) return tooLarge;
  let id: string;
  try {
    const secrets = typeof options.secrets === 'function' ? options.secrets() : options.secrets;
    ({ id } = verifyWebhook(headers, body, secrets, options));
  } catch (thrown) {
    if (thrown instanceof HeadwaterError && thrown.code !== 'HW-WEBHOOK-001') {
      return { statusCode: 401, reason: 'the request is not signed as it must be' };
    }
    return unavailable;
  }
  try {
    const message =
      options.read === undefined ? readWebhookMessage(id, body, options.sender ?? 'webhook') : options.read(id, body);
    return answerTo(await inbox.receive(message));
  } catch (thrown) {
    if (decideFailure(thrown) !== 'unreadable') return unavailable;
    const isForm = thrown instanceof HeadwaterError && thrown.code === 'HW-INBOX-004';
    return { statusCode: isForm ? 400 : 422, reason: 'the content of the request cannot be taken' };
  }
}

const unavailable: WebhookAnswer = { statusCode: 503, reason: 'not taken; send it again' };

function answerTo({ kind }: InboxResult<unknown>): WebhookAnswer {
  switch (kind) {
    case 'mismatch':
      return { statusCode: 409, reason: 'another content came under this id before' };
    case 'early':
      return { statusCode: 202, reason: 'kept until what comes before it is there' };
    case 'parked':
      return { statusCode: 202, reason: 'kept, and set aside' };
    default:
      return { statusCode: 204, reason: kind };
  }
}
