import type { Connection } from '@platformatic/kafka';
import type { BrokerAddress } from './broker-address.ts';
import { toKafkaError } from './kafka-error.ts';
import type { KafkaClient } from './load-client.ts';
import type { ResolvedKafkaOptions } from './kafka-options.ts';
import { waitFor } from './wait-for.ts';

/**
 * One connection per broker, made at first use and again after it was lost. Only the handshake, framing, TLS and SASL are
 * the client's; which request goes where, and what an answer means, is decided here, because a lane that must know the
 * outcome of every write cannot leave retries to somebody else.
 */
export class BrokerConnections implements AsyncDisposable {
  readonly #client: KafkaClient;
  readonly #options: ResolvedKafkaOptions;
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #open = new Set<Connection>();
  #isClosed = false;

  constructor(client: KafkaClient, options: ResolvedKafkaOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** @throws HW-KAFKA-003, 004, 018 when the broker cannot be reached or refuses. */
  async get(address: BrokerAddress, signal: AbortSignal): Promise<Connection> {
    const place = `${address.host}:${address.port}`;
    let connection = this.#connections.get(place);
    if (connection === undefined) {
      connection = this.#connect(address, place);
      this.#connections.set(place, connection);
    }
    return waitFor(connection, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#connections.clear();
    const connections = [...this.#open];
    this.#open.clear();
    await Promise.all(connections.map(destroy));
  }

  async #connect(address: BrokerAddress, place: string): Promise<Connection> {
    const { clientId, connectTimeoutMs, requestTimeoutMs, sasl, tls, tlsServerName } = this.#options;
    const connection = new this.#client.Connection(clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      ...(tls === undefined ? {} : { tls }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
      ...(sasl === undefined ? {} : { sasl }),
    });
    let failure: unknown;
    const forget = (): void => {
      this.#open.delete(connection);
      this.#connections.delete(place);
    };
    connection.on('error', (error) => {
      failure ??= error;
      forget();
    });
    connection.on('close', forget);
    this.#open.add(connection);
    try {
      await connection.connect(address.host, address.port);
      // In TLS 1.3 a client is connected before the broker has looked at its certificate: only an answer says that it was taken.
      if (tls !== undefined) await this.#client.apiVersionsV3.api.async(connection, 'headwater', '1');
    } catch (thrown) {
      forget();
      await destroy(connection);
      // A request that failed says no more than that the connection was closed; why stands in what was emitted before.
      throw toKafkaError(failure ?? thrown, `no connection to ${place}`);
    }
    if (this.#isClosed) await destroy(connection);
    return connection;
  }
}

/**
 * Ends a connection at once: what it still had to send is of no use to anybody. `close` alone would wait for that, and a
 * destroyed socket alone would leave the client's timer of a connection in the making behind.
 */
async function destroy(connection: Connection): Promise<void> {
  const closed = connection.close();
  // Not there before the first attempt, whatever the declared type says.
  const socket: Connection['socket'] | undefined = connection.socket;
  socket?.destroy();
  await closed;
}
