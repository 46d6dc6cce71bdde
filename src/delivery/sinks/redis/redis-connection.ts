import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { loadRedisClient, type RedisClientPackage } from './load-client.ts';
import { parseRedisUrl } from './redis-address.ts';
import { toRedisError } from './redis-error.ts';
import type { ResolvedRedisOptions } from './redis-options.ts';
import type { Argument } from './script-arguments.ts';

type Client = ReturnType<typeof createClientOf>;

/** What a connection is opened with. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once when the connection ends by itself. */
  readonly onLost: () => void;
}

/**
 * One connection. The first failure ends it, and nothing is tried again by the client: whoever must know what became of a
 * write cannot leave retries to somebody else.
 */
export class RedisConnection {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #isOpen = true;

  private constructor(client: Client, { clock, onLost }: ConnectionContext, timeoutMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    const lose = (): void => {
      if (!this.#isOpen) return;
      this.close();
      onLost();
    };
    client.on('error', lose);
    client.on('end', lose);
  }

  /** @throws HW-SINK-001 unreachable, HW-SINK-002 login refused, HW-SINK-011 no client, HW-REDIS-002 TLS refused. */
  static async open(options: ResolvedRedisOptions, context: ConnectionContext): Promise<RedisConnection> {
    const { signal } = context;
    const client = createClientOf(await loadRedisClient(), await resolveOptions(options));
    const connection = new RedisConnection(client, context, options.commandTimeoutMs);
    // The login has no limit of its own.
    const limitMs = options.connectTimeoutMs + options.commandTimeoutMs;
    await connection.#guard(client.connect(), { limitMs, signal, subject: 'connecting to Redis' });
    return connection;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Sends one command. @throws HW-SINK and HW-REDIS codes; after any of them but an answer of the server the connection is
   * closed. Rejects with `signal.reason` on cancel.
   */
  async send(words: readonly Argument[], subject: string, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    if (!this.#isOpen) throw new HeadwaterError('HW-SINK-001', `${subject}: the connection has ended`);
    const reply = this.#client.sendCommand<unknown>(words.map(toWire));
    return this.#guard(reply, { limitMs: this.#timeoutMs, signal, subject });
  }

  /** At once; what was still to be sent or answered is given up. Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#client.destroy();
    } catch {
      // A client that ended by itself refuses to be ended once more.
    }
  }

  async #guard<Reply>(
    reply: Promise<Reply>,
    { limitMs, signal, subject }: { readonly limitMs: number; readonly signal: AbortSignal; readonly subject: string },
  ): Promise<Reply> {
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const giveUp = (reason: unknown): void => {
      reject(reason);
      this.close();
    };
    const onAbort = (): void => giveUp(signal.reason);
    const timer = this.#clock.setTimer(limitMs, () =>
      giveUp(new HeadwaterError('HW-SINK-004', `${subject}: Redis has not answered within ${limitMs} ms`)),
    );
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    reply.catch(() => undefined);
    givenUp.catch(() => undefined);
    try {
      return await Promise.race([reply, givenUp]);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toRedisError(thrown, subject);
      if (error.details['redisError'] === undefined) this.close();
      throw error;
    } finally {
      timer.clear();
      signal.removeEventListener('abort', onAbort);
    }
  }
}

interface ClientSettings {
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  readonly socket: object;
}

function createClientOf(
  { createClient }: RedisClientPackage,
  settings: ClientSettings,
): ReturnType<typeof createClient> {
  return createClient({
    ...settings,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
}

async function resolveOptions(options: ResolvedRedisOptions): Promise<ClientSettings> {
  const { connectTimeoutMs, tls, url } = options;
  const address = parseRedisUrl(typeof url === 'string' ? url : await url());
  const { database, host, isTls, password, port, username } = address;
  const path = { host, port, connectTimeout: connectTimeoutMs, reconnectStrategy: false };
  return {
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: isTls ? { ...tls, ...path, tls: true } : path,
  };
}

/** Bytes without a copy. */
function toWire(word: Argument): string | Buffer {
  return typeof word === 'string' ? word : Buffer.from(word.buffer, word.byteOffset, word.byteLength);
}
