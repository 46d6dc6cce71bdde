import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { shortTextBytesMax } from './routing-key.ts';

/** A secret, or how to get it each time a connection is made. */
export type RabbitmqSecret = string | (() => string | Promise<string>);

/** How the sink logs in. */
export type RabbitmqAuth =
  | { readonly kind: 'password'; readonly user: RabbitmqSecret; readonly password: RabbitmqSecret }
  /** By the client certificate in `tls`; needs the broker's plugin for it. */
  | { readonly kind: 'external' };

/** TLS to the broker. Texts are PEM; certificates are always checked. */
export interface RabbitmqTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the broker's certificate must have. Default: the host of the server. */
  readonly serverName?: string;
}

/** The routing key of a record that the lane's `route` does not place. Pure: called again for the same record after a restart. */
export type RabbitmqRoutingKey = string | ((record: JournalRecord, transaction: TransactionHeader) => string);

/** What `rabbitmqSink` takes. */
export interface RabbitmqSinkOptions {
  /** `host:port` of one or more nodes of one cluster, tried in this order; without a port 5672, with TLS 5671. */
  readonly servers: string | readonly string[];
  /** Default `/`. */
  readonly vhost?: string;
  /** The exchange that every record is published to. Empty: the default exchange, where a routing key is a queue's name. */
  readonly exchange: string;
  /**
   * The queues that records are for, one or more. Each is checked whenever a connection is made: it must exist, be durable and
   * be replicated. Where else the exchange is bound to is not the sink's to know.
   */
  readonly queues: string | readonly string[];
  /** `replicated`: a queue that is not of type quorum or stream is refused. `warn`: it is named in the log. Default `replicated`. */
  readonly queueCheck?: 'replicated' | 'warn';
  /**
   * The routing key of records that the lane's `route` does not place. Default: changes `change.<schema>.<table>`, events
   * `event.<type>`, encoded where a name holds a dot or what a pattern would take for a wildcard.
   */
  readonly routingKey?: RabbitmqRoutingKey;
  /** How the broker lists this connection. Default `headwater`. */
  readonly clientName?: string;
  /** Default: user and password `guest`, which brokers take from their own machine only. */
  readonly auth?: RabbitmqAuth;
  /** Default: none. */
  readonly tls?: RabbitmqTls;
  /** No larger payload is sent, in bytes. Default 16,777,216, as RabbitMQ 4 takes by default. */
  readonly recordBytesMax?: number;
  /**
   * After this time without a confirm the lane says so, and after three times as long it gives the connection up; each time that
   * happens, it waits twice as long. Default 10,000 ms.
   */
  readonly confirmTimeoutMs?: number;
  /** For the login, and again for each question about exchange and queues. Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
  /** A connection on which the broker says nothing for twice this long is given up. Whole seconds. Default 15,000 ms. */
  readonly heartbeatMs?: number;
}

/** One node. */
export interface RabbitmqServer {
  readonly host: string;
  readonly port: number;
}

/** Options with every default filled in. */
export interface ResolvedRabbitmqOptions extends Pick<RabbitmqSinkOptions, 'routingKey' | 'tls'> {
  readonly servers: readonly RabbitmqServer[];
  readonly vhost: string;
  readonly exchange: string;
  readonly queues: readonly string[];
  readonly queueCheck: 'replicated' | 'warn';
  readonly clientName: string;
  readonly auth: RabbitmqAuth;
  readonly recordBytesMax: number;
  readonly confirmTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly heartbeatMs: number;
}

const timeMsMax = 0x7fff_ffff;

/** Checks the options and fills the defaults in. Pure. @throws HW-RABBITMQ-002 */
export function resolveRabbitmqOptions(options: RabbitmqSinkOptions): ResolvedRabbitmqOptions {
  const { auth, exchange, queueCheck = 'replicated', routingKey, tls } = options;
  const list = typeof options.servers === 'string' ? options.servers.split(',') : options.servers;
  const servers = list.map((text) => parseServer(text, tls === undefined ? 5672 : 5671));
  if (servers.length === 0) throw invalid('servers', 'names no server');
  if (!isShortText(exchange)) throw invalid('exchange', 'is no valid name of an exchange');
  const queues = typeof options.queues === 'string' ? [options.queues] : [...options.queues];
  if (queues.length === 0) throw invalid('queues', 'names no queue');
  if (!queues.every((queue) => queue !== '' && isShortText(queue))) {
    throw invalid('queues', 'has an entry that is no valid name of a queue');
  }
  if (!['replicated', 'warn'].includes(queueCheck)) throw invalid('queueCheck', 'is neither "replicated" nor "warn"');
  if (typeof routingKey === 'string' && !isShortText(routingKey)) throw invalid('routingKey', 'is no routing key');
  const heartbeatMs = checkPositive('heartbeatMs', options.heartbeatMs ?? 15_000, 65_535_000);
  if (heartbeatMs % 1000 !== 0) throw invalid('heartbeatMs', 'is no whole number of seconds');
  return {
    servers,
    exchange,
    queues,
    queueCheck,
    heartbeatMs,
    vhost: checkText('vhost', options.vhost ?? '/'),
    clientName: checkText('clientName', options.clientName ?? 'headwater'),
    auth: auth ?? { kind: 'password', user: 'guest', password: 'guest' },
    recordBytesMax: checkPositive('recordBytesMax', options.recordBytesMax ?? 16_777_216),
    confirmTimeoutMs: checkPositive('confirmTimeoutMs', options.confirmTimeoutMs ?? 10_000, timeMsMax),
    connectTimeoutMs: checkPositive('connectTimeoutMs', options.connectTimeoutMs ?? 5_000, timeMsMax),
    ...(routingKey === undefined ? {} : { routingKey }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function isShortText(text: string): boolean {
  return text.isWellFormed() && Buffer.byteLength(text) <= shortTextBytesMax;
}

function checkText(name: string, text: string): string {
  if (text === '' || !isShortText(text)) throw invalid(name, `is empty or longer than ${shortTextBytesMax} bytes`);
  return text;
}

const serverForm = /^\s*(?:\[(?<address>[0-9a-fA-F:]+)\]|(?<name>[^\s:@/[\]]+))(?::(?<port>\d{1,5}))?\s*$/;

function parseServer(text: string, defaultPort: number): RabbitmqServer {
  const { address, name, port = String(defaultPort) } = serverForm.exec(text)?.groups ?? {};
  const host = address ?? name;
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return { host, port: Number(port) };
  // The text may be a URL with a password in it, so it is not quoted.
  throw invalid('servers', 'has an entry that is no host:port; vhost, user, password and TLS are options of their own');
}

function checkPositive(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw invalid(name, `is no whole number from 1 to ${max}`);
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-RABBITMQ-002', `the option "${option}" of the RabbitMQ sink ${reason}`, {
    details: { option },
  });
}
