import { lookup as lookupHost } from 'node:dns/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { assertInvariant } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { productVersion } from '../../../foundation/product-version.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { decideAnswer, type WebhookAnswer } from './answer-decision.ts';
import { createGuardedLookup, type WebhookLookup } from './guarded-lookup.ts';
import { toMessageId } from './message-id.ts';
import { toRequestError } from './request-error.ts';
import { SecretReader } from './secret-reader.ts';
import { sendRequest } from './send-request.ts';
import { signMessage } from './signature.ts';
import { toWebhookBody, type WebhookBody } from './webhook-body.ts';
import type { WebhookKey } from './webhook-secret.ts';
import { type ResolvedWebhookOptions, resolveWebhookOptions, type WebhookSinkOptions } from './webhook-options.ts';

const capabilities: SinkCapabilities = { unit: 'record', checkpointIn: 'lane', recordBytesMax: undefined };

/** Connections that wait for the next request. In flight there are as many as the lane's `concurrencyMax`. */
const idleConnectionsMax = 8;

/**
 * Describes an endpoint that takes webhooks as Standard Webhooks 1.0.0 has them. At least once; effectively once for what a
 * receiver does together with noting the header `webhook-id`. Records of one key are sent one after the other.
 * @throws HW-WEBHOOK-001 for an option that is not valid, HW-WEBHOOK-002 for an address that is not public
 */
export function webhookSink(options: WebhookSinkOptions): SinkDefinition {
  const resolved = resolveWebhookOptions(options);
  return {
    kind: 'webhook',
    target: resolved.endpoint.target,
    async open(context) {
      const secrets = new SecretReader(resolved.secrets, context.clock);
      await secrets.keys();
      return new WebhookSink(resolved, secrets, context);
    },
  };
}

class WebhookSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #options: ResolvedWebhookOptions;
  readonly #secrets: SecretReader;
  readonly #context: SinkContext;
  readonly #agent: HttpAgent;
  readonly #lookup: LookupFunction;
  /** Until then nothing is sent: the endpoint asked for it. In milliseconds of the monotonic clock. */
  #quietUntilMs = 0;

  constructor(options: ResolvedWebhookOptions, secrets: SecretReader, context: SinkContext) {
    const { endpoint, lookup = lookupBySystem, mayConnect, tls } = options;
    this.#options = options;
    this.#secrets = secrets;
    this.#context = context;
    this.#lookup = createGuardedLookup({ lookup, mayConnect, target: endpoint.target });
    const pooling = { keepAlive: true, maxFreeSockets: idleConnectionsMax };
    this.#agent =
      endpoint.url.protocol === 'https:'
        ? new HttpsAgent({
            ...pooling,
            ...tls,
            ca: tls.ca === undefined ? undefined : [tls.ca].flat(),
            rejectUnauthorized: true,
          })
        : new HttpAgent(pooling);
  }

  readCheckpoint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * Resolves when the endpoint answered 200 to 299 to the end. Every other outcome is an error whose policy says whether the
   * record is sent again, which happens with the same id and a new timestamp.
   */
  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    const [outbound] = batch.records;
    assertInvariant(outbound !== undefined && batch.records.length === 1, 'a webhook takes one record at a time');
    signal.throwIfAborted();
    this.#assertNotQuiet();
    const body = toWebhookBody(outbound);
    this.#assertFits(body, outbound);
    const answer = await this.#deliver(outbound, body, signal);
    const { endpoint, retryAfterMaxMs } = this.#options;
    const { clock } = this.#context;
    const error = decideAnswer(answer, { target: endpoint.target, now: clock.now(), retryAfterMaxMs });
    if (error === undefined) return;
    if (error.retryAfterMs !== undefined) {
      this.#quietUntilMs = Math.max(this.#quietUntilMs, clock.monotonicMs() + error.retryAfterMs);
    }
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
  }

  /** `Retry-After` concerns the endpoint, so the records of other keys wait as well, without a request. */
  #assertNotQuiet(): void {
    const remainingMs = Math.ceil(this.#quietUntilMs - this.#context.clock.monotonicMs());
    if (remainingMs <= 0) return;
    const message = `the endpoint ${this.#options.endpoint.target} asked to wait ${Math.ceil(remainingMs / 1000)} s more`;
    throw new HeadwaterError('HW-WEBHOOK-009', message, { retryAfterMs: remainingMs });
  }

  #assertFits({ bytes }: WebhookBody, outbound: OutboundRecord): void {
    const { bodyBytesMax } = this.#options;
    if (bytes.byteLength <= bodyBytesMax) return;
    const message = `the body of record ${outbound.id} has ${bytes.byteLength} bytes, the sink sends ${bodyBytesMax}`;
    throw new HeadwaterError('HW-SINK-005', message, { details: { byteCount: bytes.byteLength, bodyBytesMax } });
  }

  /** Within the time limit, which covers secrets, lookup, connection, request and answer. */
  async #deliver(outbound: OutboundRecord, body: WebhookBody, signal: AbortSignal): Promise<WebhookAnswer> {
    const { endpoint, timeoutMs } = this.#options;
    const abort = new AbortController();
    const stop = (): void => abort.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const timer = this.#context.clock.setTimer(timeoutMs, () => {
      const message = `the endpoint ${endpoint.target} has not answered within ${timeoutMs} ms`;
      abort.abort(new HeadwaterError('HW-SINK-004', message, { details: { timeoutMs } }));
    });
    try {
      const keys = this.#secrets.known ?? (await unlessAborted(this.#secrets.keys(), abort.signal));
      const headers = this.#headersOf(outbound, body, keys);
      const request = { url: endpoint.url, agent: this.#agent, lookup: this.#lookup, headers, body: body.bytes };
      return await sendRequest(request, abort.signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw toRequestError(thrown, endpoint.target);
    } finally {
      timer.clear();
      signal.removeEventListener('abort', stop);
    }
  }

  #headersOf(
    { id: recordId, record }: OutboundRecord,
    body: WebhookBody,
    keys: readonly WebhookKey[],
  ): Record<string, string> {
    const id = toMessageId(recordId);
    const timestamp = Math.floor(this.#context.clock.now() / 1000);
    const traceparent = record.kind === 'event' ? record.event.traceparent : undefined;
    return {
      ...this.#options.headers,
      'user-agent': this.#options.headers['user-agent'] ?? `headwater/${productVersion}`,
      'content-type': body.contentType,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signMessage({ id, timestamp, body: body.bytes }, keys),
      ...(traceparent !== undefined && /^[0-9a-f-]{55}$/.test(traceparent) ? { traceparent } : {}),
    };
  }
}

const lookupBySystem: WebhookLookup = async (hostname) =>
  (await lookupHost(hostname, { all: true })).map(({ address }) => address);

/** The promise, or the reason of the signal as soon as it is aborted. */
function unlessAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
