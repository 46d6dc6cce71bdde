import type { ChannelModel, Options, SocketOptions } from 'amqplib';
import { HeadwaterError } from '../../../foundation/error.ts';
import { keepSockets } from '../../../foundation/opened-sockets.ts';
import { GatheredWrites } from './gathered-writes.ts';
import type { RabbitmqClient } from './load-client.ts';
import { toRabbitmqError } from './rabbitmq-error.ts';
import type { RabbitmqAuth, RabbitmqSecret, RabbitmqServer, ResolvedRabbitmqOptions } from './rabbitmq-options.ts';

/** A connection, and how to end it at once whatever the path to the broker does. */
export interface OpenedConnection {
  readonly connection: ChannelModel;
  readonly abandon: () => void;
  readonly writes: GatheredWrites;
}

/**
 * Logs in to the first node that answers. @throws HW-RABBITMQ-003, 004, 014, 019; rejects with `signal.reason` on cancel.
 */
export async function openConnection(
  client: RabbitmqClient,
  options: ResolvedRabbitmqOptions,
  signal: AbortSignal,
): Promise<OpenedConnection> {
  let failure = new HeadwaterError('HW-RABBITMQ-003', 'no server is configured');
  const credentials = await openCredentials(client, options.auth);
  for (const server of options.servers) {
    try {
      return await openTo(client, server, { options, credentials, signal });
    } catch (thrown) {
      signal.throwIfAborted();
      failure = toRabbitmqError(thrown, `no connection to ${server.host}:${server.port}`);
      // Another node of the cluster says the same.
      if (failure.policy === 'stop') throw failure;
    }
  }
  throw failure;
}

type Credentials = NonNullable<Options.Connect['credentials']>;

interface ConnectPlan {
  readonly options: ResolvedRabbitmqOptions;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

async function openTo(
  client: RabbitmqClient,
  { host, port }: RabbitmqServer,
  { credentials, options, signal }: ConnectPlan,
): Promise<OpenedConnection> {
  const { clientName, connectTimeoutMs, heartbeatMs, tls, vhost } = options;
  // The client keeps its socket to itself; only this signal reaches it when the broker does not answer.
  const socket = new AbortController();
  const abandon = (): void => socket.abort();
  const socketOptions: SocketOptions & { readonly signal: AbortSignal } = {
    signal: socket.signal,
    credentials,
    noDelay: true,
    timeout: connectTimeoutMs,
    clientProperties: { connection_name: clientName },
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  };
  const address: Options.Connect = {
    protocol: tls === undefined ? 'amqp' : 'amqps',
    hostname: host,
    port,
    heartbeat: heartbeatMs / 1000,
    // The client decodes it as part of a URL.
    vhost: encodeURIComponent(vhost),
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', abandon, { once: true });
  try {
    const { result, sockets } = keepSockets(() => client.connect(address, socketOptions));
    return { connection: await result, abandon, writes: new GatheredWrites(sockets) };
  } catch (thrown) {
    abandon();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', abandon);
  }
}

async function openCredentials({ credentials }: RabbitmqClient, auth: RabbitmqAuth): Promise<Credentials> {
  if (auth.kind === 'external') return credentials.external();
  return credentials.plain(await reveal(auth.user), await reveal(auth.password));
}

function reveal(secret: RabbitmqSecret): string | Promise<string> {
  return typeof secret === 'string' ? secret : secret();
}
