import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundBatch, OutboundRecord, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { ConfirmPatience } from './confirm-patience.ts';
import { loadRabbitmqClient, type RabbitmqClient } from './load-client.ts';
import { encodeOwner } from './message-headers.ts';
import { type MessageOptions, toOutboundMessages } from './outbound-message.ts';
import { type RabbitmqSinkOptions, resolveRabbitmqOptions, type ResolvedRabbitmqOptions } from './rabbitmq-options.ts';
import { RabbitmqSession } from './rabbitmq-session.ts';

/**
 * A sink that publishes records to an exchange: at least once in the queues behind it, in order per key, by a publisher confirm
 * for every record and the mandatory flag on every message; effectively once at a consumer that notes the message id together
 * with its effect. Several records at once are without a confirm (the lane's `concurrencyMax`), of each key one.
 * Opens nothing before the lane starts. @throws HW-RABBITMQ-002 for invalid options.
 */
export function rabbitmqSink(options: RabbitmqSinkOptions): SinkDefinition {
  const resolved = resolveRabbitmqOptions(options);
  const { exchange, queues, servers } = resolved;
  const addresses = servers.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return {
    kind: 'rabbitmq',
    target: `${addresses.join(',')} exchange "${exchange}" queues ${queues.join(',')}`,
    async open(context) {
      const sink = new RabbitmqSink(await loadRabbitmqClient(), resolved, context);
      await sink.connect(context.signal);
      return sink;
    },
  };
}

/**
 * Order and repetitions:
 *
 * R1: of one key, the next record is published only once the one before it is confirmed. A nack or a return holds back the later
 *     records of its key, and no others.
 * R2: a record is published again only after a nack, a return, or the end of its connection, which the sink gives up itself when
 *     a confirm is very late: later with each connection, so that a broker is given the time that it needs.
 * R3: so of one key a queue can hold, beside the records in commit order, repetitions of a record whose connection ended; the
 *     broker may still read such a copy from the old connection after later records came in on the new one. All copies have
 *     the same id, so a consumer that notes ids drops them wherever they stand.
 */
class RabbitmqSink implements Sink {
  readonly capabilities: SinkCapabilities = { unit: 'record', checkpointIn: 'lane', recordBytesMax: undefined };
  readonly #client: RabbitmqClient;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #context: SinkContext;
  readonly #messageOptions: MessageOptions;
  readonly #patience: ConfirmPatience;
  readonly #closing = new AbortController();
  #session: Promise<RabbitmqSession> | undefined;
  /** The newest one that was opened. */
  #opened: RabbitmqSession | undefined;
  /** Records go one by one until so many were confirmed: the broker closed a channel over one of several. */
  #singlyCount = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(client: RabbitmqClient, options: ResolvedRabbitmqOptions, context: SinkContext) {
    this.#client = client;
    this.#options = options;
    this.#context = context;
    this.#patience = new ConfirmPatience(options.confirmTimeoutMs);
    this.#messageOptions = { ...options, owner: encodeOwner(context.installation, context.laneName) };
  }

  /** @throws HW-RABBITMQ codes */
  async connect(signal: AbortSignal): Promise<void> {
    this.#session = this.#open(signal);
    await this.#session;
  }

  /** The lane keeps it. */
  readCheckpoint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async write({ records }: OutboundBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const outbound of records) {
      if (this.#singlyCount > 0) await this.#publishSingly(outbound, signal);
      else await this.#publish(outbound, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new HeadwaterError('HW-INTERNAL-003', 'the sink was closed'));
    const session = await this.#session?.catch(() => undefined);
    await session?.[Symbol.asyncDispose]();
  }

  async #publish(outbound: OutboundRecord, signal: AbortSignal): Promise<void> {
    const messages = toOutboundMessages(outbound, this.#messageOptions);
    const opened = this.#opened?.isLost === false ? this.#opened : undefined;
    const session = opened ?? (await untilAborted(this.#openSession(), signal));
    try {
      await session.publish(outbound, messages, signal);
    } catch (thrown) {
      if (session.hasUnknownCulprit) this.#singlyCount = singlyCountAfterFault;
      throw thrown;
    }
  }

  /** One after the other: a record that ends the channel now is the one to blame. */
  async #publishSingly(outbound: OutboundRecord, signal: AbortSignal): Promise<void> {
    const former = this.#turn;
    const turn = Promise.withResolvers<void>();
    this.#turn = turn.promise;
    try {
      await untilAborted(former, signal);
      await this.#publish(outbound, signal);
      this.#singlyCount = Math.max(0, this.#singlyCount - 1);
    } finally {
      // Whoever comes next has waited for all before, also when this one was cancelled.
      void former.then(turn.resolve);
    }
  }

  /** The session, shared by all that write: a lost one is followed by a new one. */
  async #openSession(): Promise<RabbitmqSession> {
    const current = this.#session;
    const session = await current?.catch(() => undefined);
    if (session !== undefined && !session.isLost) return session;
    // Only the first of those that find it lost opens another.
    if (this.#session !== undefined && this.#session !== current) return await this.#session;
    void session?.[Symbol.asyncDispose]();
    this.#session = this.#open(this.#closing.signal);
    return await this.#session;
  }

  #open(signal: AbortSignal): Promise<RabbitmqSession> {
    const opening = RabbitmqSession.open(this.#client, this.#options, {
      context: this.#context,
      patience: this.#patience,
      signal,
    });
    opening.then(
      (session) => (this.#opened = session),
      () => undefined,
    );
    return opening;
  }
}

/** As many as may have been under way at once, and some. */
const singlyCountAfterFault = 1000;

/** Waits no longer than until `signal` is aborted; then rejects with its reason. */
async function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([stopped.promise, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
