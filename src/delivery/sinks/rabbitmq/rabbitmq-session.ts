import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundRecord, SinkContext } from '../../sink.ts';
import { checkTopology } from './check-topology.ts';
import type { ConfirmPatience } from './confirm-patience.ts';
import type { GatheredWrites } from './gathered-writes.ts';
import type { RabbitmqClient } from './load-client.ts';
import { openConnection, type OpenedConnection } from './open-connection.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { replyCodeOf, toRabbitmqError } from './rabbitmq-error.ts';
import type { ResolvedRabbitmqOptions } from './rabbitmq-options.ts';

/** A record that was published, until its outcome was told to who asked for it. */
interface SentRecord {
  readonly messages: readonly OutboundMessage[];
  /** Of its messages, how many have no answer yet. */
  openCount: number;
  error: HeadwaterError | undefined;
  /** When it was published, or when the broker went on reading behind a block. */
  waitsSinceMs: number;
  /** Of whoever waits for it now. */
  onAnswered: (() => void) | undefined;
}

/** What a session needs to open; `patience` outlives it. */
interface SessionPlan {
  readonly context: SinkContext;
  readonly patience: ConfirmPatience;
  readonly signal: AbortSignal;
}

/** Who waits for a record, and is told what keeps it waiting. */
type Notice = (error: HeadwaterError) => void;

const closeTimeoutMs = 1000;

/**
 * One connection with one channel in confirm mode. It never reconnects and never publishes anything twice; once it is lost, a
 * new session is opened. What is published and not confirmed stays with it, so that a record that is asked for again while its
 * confirm is late joins the wait instead of being published again.
 *
 *   publish ─► waits ─┬─► confirmed, not returned ─► durable in every queue that it was routed to
 *                     ├─► returned (and confirmed) ─► HW-RABBITMQ-009
 *                     ├─► nacked ─► HW-RABBITMQ-010
 *                     ├─► connection or channel lost ─► HW-RABBITMQ-011, or what the broker closed it for
 *                     └─► blocked, or late ─► HW-RABBITMQ-012, -013, and asked for again; very late ─► given up
 *
 * The broker returns a message before it confirms it, on the same channel; a return is taken for the message with that id and
 * routing key.
 */
export class RabbitmqSession implements AsyncDisposable {
  readonly #options: ResolvedRabbitmqOptions;
  readonly #context: SinkContext;
  readonly #connection: ChannelModel;
  readonly #abandon: () => void;
  readonly #writes: GatheredWrites;
  readonly #patience: ConfirmPatience;
  #channel: ConfirmChannel | undefined;
  readonly #sent = new Map<OutboundRecord, SentRecord>();
  readonly #returned = new Map<string, string>();
  readonly #notices = new Set<Notice>();
  #blockedReason: string | undefined;
  /** What ended the channel or the connection; the first error is what counts. */
  #fault: Error | undefined;
  #isLost = false;
  /** Whether the broker closed the channel over one of several records, and does not say which. */
  #hasUnknownCulprit = false;

  private constructor(
    { abandon, connection, writes }: OpenedConnection,
    { context, options, patience }: Omit<SessionPlan, 'signal'> & { readonly options: ResolvedRabbitmqOptions },
  ) {
    this.#connection = connection;
    this.#abandon = abandon;
    this.#writes = writes;
    this.#patience = patience;
    this.#options = options;
    this.#context = context;
    connection.on('error', (error) => (this.#fault ??= error));
    connection.on('close', () => (this.#isLost = true));
    connection.on('blocked', (reason) => this.#block(reason));
    connection.on('unblocked', () => this.#unblock());
  }

  /** @throws HW-RABBITMQ codes; rejects with `signal.reason` on cancel. */
  static async open(
    client: RabbitmqClient,
    options: ResolvedRabbitmqOptions,
    { context, patience, signal }: SessionPlan,
  ): Promise<RabbitmqSession> {
    const opened = await openConnection(client, options, signal);
    const { abandon, connection } = opened;
    const session = new RabbitmqSession(opened, { context, options, patience });
    // A path that moves nothing must not keep whoever cancels.
    signal.addEventListener('abort', abandon, { once: true });
    // A node that comes up may take a question about a queue whose leader is not there yet, and never answer it.
    const { clock, logger } = context;
    let limit = clock.setTimer(options.connectTimeoutMs, abandon);
    const onAnswer = (): void => {
      limit.clear();
      limit = clock.setTimer(options.connectTimeoutMs, abandon);
    };
    try {
      await checkTopology(connection, options, { logger, onAnswer });
      await session.#openChannel();
      signal.throwIfAborted();
      return session;
    } catch (thrown) {
      abandon();
      signal.throwIfAborted();
      throw toRabbitmqError(thrown, 'no channel could be opened');
    } finally {
      limit.clear();
      signal.removeEventListener('abort', abandon);
    }
  }

  /** Whether nothing can be published any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether the session ended over a record that cannot be told from those beside it. */
  get hasUnknownCulprit(): boolean {
    return this.#hasUnknownCulprit;
  }

  /**
   * Publishes a record once, and resolves when the broker has confirmed all of it and returned nothing.
   * @throws HW-RABBITMQ codes. Rejects with `signal.reason` on cancel, with the outcome unknown.
   */
  async publish(outbound: OutboundRecord, messages: readonly OutboundMessage[], signal: AbortSignal): Promise<void> {
    const sent = this.#sent.get(outbound) ?? this.#send(outbound, messages);
    await this.#waitFor(outbound, sent, signal);
    this.#sent.delete(outbound);
    if (sent.error !== undefined) throw sent.error;
  }

  /** Says goodbye when the broker hears it, and leaves nothing open in any case. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = Promise.withResolvers<void>();
    const limit = this.#context.clock.setTimer(closeTimeoutMs, timer.resolve);
    const closed = this.#isLost ? Promise.resolve() : this.#connection.close().catch(() => undefined);
    await Promise.race([closed, timer.promise]);
    limit.clear();
    this.#abandon();
  }

  async #openChannel(): Promise<void> {
    const channel = await this.#connection.createConfirmChannel();
    channel.on('error', (error) => (this.#fault ??= error));
    channel.on('close', () => (this.#isLost = true));
    channel.on('return', (message) => this.#noteReturn(message));
    this.#channel = channel;
  }

  #send(outbound: OutboundRecord, messages: readonly OutboundMessage[]): SentRecord {
    if (this.#blockedReason !== undefined) throw this.#blocked(this.#blockedReason);
    const sent: SentRecord = {
      messages,
      openCount: messages.length,
      error: undefined,
      waitsSinceMs: this.#context.clock.monotonicMs(),
      onAnswered: undefined,
    };
    this.#sent.set(outbound, sent);
    for (const message of messages) this.#publishOne(message, (error) => this.#settle(sent, error));
    return sent;
  }

  #publishOne(message: OutboundMessage, settle: (error: HeadwaterError | undefined) => void): void {
    const { contentType, headers, id, payload, routingKey, timestampSeconds, type } = message;
    const properties = {
      mandatory: true,
      persistent: true,
      messageId: id,
      type,
      appId: 'headwater',
      timestamp: timestampSeconds,
      headers,
      ...(contentType === undefined ? {} : { contentType }),
    };
    try {
      this.#channel?.publish(this.#options.exchange, routingKey, payload, properties, (thrown: unknown) =>
        settle(this.#outcomeOf(message, thrown)),
      );
      this.#writes.gather();
    } catch (thrown) {
      // The channel is closed already: nothing went out.
      settle(this.#lost(thrown));
    }
  }

  #settle(sent: SentRecord, error: HeadwaterError | undefined): void {
    sent.error ??= error;
    sent.openCount -= 1;
    if (sent.openCount === 0) sent.onAnswered?.();
  }

  /** What the answer to a message says; undefined when it is where it should be. */
  #outcomeOf({ id, routingKey }: OutboundMessage, thrown: unknown): HeadwaterError | undefined {
    const { exchange } = this.#options;
    const place = returnPlace(id, routingKey);
    const returned = this.#returned.get(place);
    this.#returned.delete(place);
    if (returned !== undefined) {
      const target = exchange === '' ? 'the default exchange' : `exchange "${exchange}"`;
      return new HeadwaterError(
        'HW-RABBITMQ-009',
        `${target} routes "${routingKey}" to no queue (${returned}); nobody has message ${id}`,
        { details: { exchange, routingKey, messageId: id } },
      );
    }
    if (thrown === null || thrown === undefined) return undefined;
    if (!isNack(thrown)) return this.#lost(thrown);
    return new HeadwaterError('HW-RABBITMQ-010', `a queue behind "${routingKey}" refused message ${id}`, {
      details: { exchange, routingKey, messageId: id },
    });
  }

  #lost(thrown: unknown): HeadwaterError {
    const fault = this.#fault ?? thrown;
    const error = toRabbitmqError(fault, 'the channel ended before the confirm', 'HW-RABBITMQ-011');
    if (error.policy === 'retry' || isOfPlace(fault) || this.#sent.size <= 1) return error;
    this.#hasUnknownCulprit = true;
    const message = `the broker closed the channel over one of ${this.#sent.size} records: ${error.message}`;
    return new HeadwaterError('HW-RABBITMQ-011', message, { cause: error });
  }

  #noteReturn({ fields, properties }: Message): void {
    const { routingKey } = fields;
    const reason = 'replyText' in fields ? String(fields.replyText) : 'returned';
    this.#returned.set(returnPlace(String(properties.messageId), routingKey), reason);
  }

  async #waitFor(outbound: OutboundRecord, sent: SentRecord, signal: AbortSignal): Promise<void> {
    if (sent.openCount === 0) return;
    if (this.#blockedReason !== undefined) throw this.#blocked(this.#blockedReason);
    const { clock } = this.#context;
    const { confirmTimeoutMs } = this.#options;
    const wait = Promise.withResolvers<void>();
    sent.onAnswered = wait.resolve;
    const cancel = (): void => wait.reject(signal.reason);
    const timer = clock.setTimer(confirmTimeoutMs, () => wait.reject(this.#late(outbound, sent)));
    signal.addEventListener('abort', cancel, { once: true });
    this.#notices.add(wait.reject);
    try {
      signal.throwIfAborted();
      await wait.promise;
    } finally {
      timer.clear();
      this.#notices.delete(wait.reject);
      signal.removeEventListener('abort', cancel);
    }
  }

  /** A broker may also have forgotten the record: in the end the connection is given up, and it goes out again. */
  #late(outbound: OutboundRecord, sent: SentRecord): HeadwaterError {
    const waitedMs = Math.round(this.#context.clock.monotonicMs() - sent.waitsSinceMs);
    if (waitedMs < this.#patience.limitMs(outbound)) {
      return new HeadwaterError('HW-RABBITMQ-013', `no confirm within ${waitedMs} ms`);
    }
    this.#patience.noteGivenUp(this.#sent.keys());
    this.#abandon();
    return new HeadwaterError('HW-RABBITMQ-013', `no confirm within ${waitedMs} ms; the connection is given up`);
  }

  #blocked(reason: string): HeadwaterError {
    return new HeadwaterError('HW-RABBITMQ-012', `the broker takes nothing: ${reason}`);
  }

  #block(reason: string): void {
    this.#blockedReason = reason;
    this.#context.logger.warn('broker blocks the connection', { lane: this.#context.laneName, reason });
    for (const notice of this.#notices) notice(this.#blocked(reason));
  }

  #unblock(): void {
    this.#blockedReason = undefined;
    const nowMs = this.#context.clock.monotonicMs();
    for (const sent of this.#sent.values()) sent.waitsSinceMs = nowMs;
    this.#context.logger.info('broker takes messages again', { lane: this.#context.laneName });
  }
}

function returnPlace(id: string, routingKey: string): string {
  return `${routingKey}\n${id}`;
}

/** The client has no code for it. Whatever else it says is taken for a lost channel. */
function isNack(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message === 'message nacked';
}

/** Whether all records meet the same refusal: the exchange is gone. */
function isOfPlace(fault: unknown): boolean {
  return replyCodeOf(fault) === 404;
}
