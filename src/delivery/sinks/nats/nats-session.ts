import type { JetStreamClient, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { Authenticator, NatsConnection } from '@nats-io/transport-node';
import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { PlannedMessage } from './batch-plan.ts';
import type { NatsClient } from './load-client.ts';
import { isElsewhere, isMissingStream, toNatsError } from './nats-error.ts';
import type { NatsAuth, NatsSecret, ResolvedNatsOptions } from './nats-options.ts';
import { keepSockets } from '../../../foundation/opened-sockets.ts';

/** What must be so in the stream for a message to be taken. */
export interface Expectation {
  /** The number of the last message. */
  readonly lastSequence: number;
  /** The id of the last message, as it was sent; undefined when that is not known. */
  readonly lastMessageId: string | undefined;
}

/** A message as it stands in a stream. */
export interface FoundMessage {
  readonly sequence: number;
  readonly text: string;
  /** The value of a header; empty when there is none. */
  readonly header: (name: string) => string;
}

/**
 * One connection, and what the sink asks of JetStream over it. It never reconnects and never sends anything again: a lane that
 * must know the outcome of every write cannot leave that to somebody else. Once it is lost, a new session is opened.
 */
export class NatsSession implements AsyncDisposable {
  readonly #client: NatsClient;
  readonly #options: ResolvedNatsOptions;
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamClient;
  readonly #streams: JetStreamManager['streams'];

  private constructor(
    client: NatsClient,
    options: ResolvedNatsOptions,
    connection: NatsConnection,
    manager: JetStreamManager,
  ) {
    this.#client = client;
    this.#options = options;
    this.#connection = connection;
    this.#jetstream = manager.jetstream();
    this.#streams = manager.streams;
  }

  /** @throws HW-NATS-003, 004, 018 */
  static async open(client: NatsClient, options: ResolvedNatsOptions, signal: AbortSignal): Promise<NatsSession> {
    const { auth, clientName, connectTimeoutMs, inboxPrefix, requestTimeoutMs, servers, tls } = options;
    const authenticator = auth === undefined ? undefined : await openAuthenticator(client, auth);
    const connecting = keepSockets(() =>
      client.transport.connect({
        servers: [...servers],
        name: clientName,
        timeout: connectTimeoutMs,
        reconnect: false,
        noAsyncTraces: true,
        ...(authenticator === undefined ? {} : { authenticator }),
        ...(tls === undefined ? {} : { tls }),
        ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      }),
    );
    let connection: NatsConnection;
    try {
      connection = await untilAborted(connecting.result, signal);
    } catch (thrown) {
      // Nobody waits for it any more; it must not stay open.
      connecting.destroy();
      void connecting.result.then((late) => late.close()).catch(() => undefined);
      signal.throwIfAborted();
      throw toNatsError(thrown, `no connection to ${servers.join(',')}`);
    }
    const manager = await client.jetstream.jetstreamManager(connection, { timeout: requestTimeoutMs, checkAPI: false });
    return new NatsSession(client, options, connection, manager);
  }

  /** The largest message that the server takes, headers included. */
  get payloadBytesMax(): number {
    return this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  }

  /** A stream; undefined when there is none of this name. */
  async describe(stream: string, signal: AbortSignal): Promise<StreamInfo | undefined> {
    try {
      return await untilAborted(this.#streams.info(stream), signal);
    } catch (thrown) {
      if (isMissingStream(thrown)) return undefined;
      signal.throwIfAborted();
      throw toNatsError(thrown, `nothing is known of stream "${stream}"`);
    }
  }

  /** Makes a stream. Fine when another process has just made the same. */
  async create(config: Parameters<JetStreamManager['streams']['add']>[0], signal: AbortSignal): Promise<void> {
    try {
      await untilAborted(this.#streams.add(config), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw toNatsError(thrown, `stream "${config.name}" could not be made`);
    }
  }

  /** A message by its number, or the last one of a subject; undefined when it is gone. Asks the stream's leader. */
  async read(
    stream: string,
    query: { readonly seq: number } | { readonly last_by_subj: string },
    signal: AbortSignal,
  ): Promise<FoundMessage | undefined> {
    try {
      const found = await untilAborted(this.#streams.getMessage(stream, query), signal);
      if (found === null) return undefined;
      return { sequence: found.seq, text: found.string(), header: (name) => found.header.get(name) };
    } catch (thrown) {
      signal.throwIfAborted();
      throw toNatsError(thrown, `a message of stream "${stream}" was not read`);
    }
  }

  /** Publishes a record's message. Resolves with its number once it is durable. @throws what the client says */
  async publish(message: PlannedMessage, expected: Expectation): Promise<number> {
    const { stream } = this.#options;
    const headers = this.#client.transport.headers();
    for (const [name, value] of message.headers) headers.append(name, value);
    headers.append('Nats-Expected-Stream', stream);
    headers.append('Nats-Expected-Last-Sequence', String(expected.lastSequence));
    if (expected.lastMessageId !== undefined) headers.append('Nats-Expected-Last-Msg-Id', expected.lastMessageId);
    const ack = await this.#jetstream.publish(message.subject, message.payload, { headers });
    const wanted = expected.lastSequence + 1;
    if (ack.seq === wanted) return wanted;
    if (ack.duplicate) {
      throw new HeadwaterError(
        'HW-NATS-022',
        `message "${message.id}" is number ${ack.seq} of stream "${stream}" already`,
      );
    }
    throw new HeadwaterError('HW-NATS-010', `a message became number ${ack.seq} of stream "${stream}", not ${wanted}`);
  }

  /**
   * Replaces the last message of a subject of the position stream if it still has this number (0: none). Returns the new
   * number; undefined when it has another one.
   */
  async replace(subject: string, text: string, revision: number, signal: AbortSignal): Promise<number | undefined> {
    const expect = { streamName: this.#options.positionStream, lastSubjectSequence: revision };
    try {
      return (await untilAborted(this.#jetstream.publish(subject, text, { expect }), signal)).seq;
    } catch (thrown) {
      if (isElsewhere(thrown)) return undefined;
      signal.throwIfAborted();
      throw toNatsError(thrown, 'the position was not written', 'HW-NATS-010');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/**
 * Waits for `promise`, but no longer than until `signal` is aborted; then rejects with `signal.reason`, and what becomes of the
 * promise is of no interest.
 */
export async function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([stopped.promise, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    promise.catch(() => undefined);
  }
}

/** @throws HW-NATS-004 for a seed or credentials that are none; without the client's words, which may quote them. */
async function openAuthenticator(client: NatsClient, auth: NatsAuth): Promise<Authenticator> {
  const authenticator = await createAuthenticator(client, auth);
  try {
    authenticator('nonce');
  } catch {
    throw new HeadwaterError('HW-NATS-004', `what "auth" gives is no ${auth.kind} that NATS knows`);
  }
  return authenticator;
}

async function createAuthenticator({ transport }: NatsClient, auth: NatsAuth): Promise<Authenticator> {
  const encoder = new TextEncoder();
  switch (auth.kind) {
    case 'password':
      return transport.usernamePasswordAuthenticator(await reveal(auth.user), await reveal(auth.password));
    case 'token':
      return transport.tokenAuthenticator(await reveal(auth.token));
    case 'nkey':
      return transport.nkeyAuthenticator(encoder.encode((await reveal(auth.seed)).trim()));
    case 'credentials':
      return transport.credsAuthenticator(encoder.encode(await reveal(auth.credentials)));
    default:
      return unreachable(auth);
  }
}

function reveal(secret: NatsSecret): string | Promise<string> {
  return typeof secret === 'string' ? secret : secret();
}
