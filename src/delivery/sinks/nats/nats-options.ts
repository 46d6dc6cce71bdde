import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { isPublishSubject, isStreamSubject } from './subject.ts';

/** A secret, or how to get it each time a connection is made. */
export type NatsSecret = string | (() => string | Promise<string>);

/** How the sink authenticates. */
export type NatsAuth =
  | { readonly kind: 'password'; readonly user: NatsSecret; readonly password: NatsSecret }
  | { readonly kind: 'token'; readonly token: NatsSecret }
  /** `seed`: begins with `SU`. */
  | { readonly kind: 'nkey'; readonly seed: NatsSecret }
  /** `credentials`: the text of a `.creds` file, JWT and seed. */
  | { readonly kind: 'credentials'; readonly credentials: NatsSecret };

/** TLS to the servers. Texts are PEM; certificates are always checked. */
export interface NatsTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The server begins with TLS instead of its greeting. Default false. */
  readonly handshakeFirst?: boolean;
}

/** The subject of a record that the lane's `route` sends nowhere. Pure: called again for the same record after a restart. */
export type NatsSubject = string | ((record: JournalRecord, transaction: TransactionHeader) => string);

/** What a missing stream is made with. A stream that is there stays as it is. */
export interface NatsStreamPlan {
  /** Default `<subjectPrefix>.>`. */
  readonly subjects?: readonly string[];
  /** Default 1. Three or five survive the loss of a server. */
  readonly replicas?: number;
  /** Messages that are older go. Default: none does. */
  readonly maxAgeMs?: number;
  /** The oldest messages go when the stream is larger. Default: no limit. */
  readonly maxBytes?: number;
}

/** What `natsSink` takes. */
export interface NatsSinkOptions {
  /** `host:port` of one or more servers; without a port 4222. */
  readonly servers: string | readonly string[];
  /** The stream of this lane and of nobody else. */
  readonly stream: string;
  /** What the default subjects begin with. Default: the stream's name. */
  readonly subjectPrefix?: string;
  /**
   * Where records go that the lane's `route` does not place. Default: changes to `<prefix>.change.<schema>.<table>`, events to
   * `<prefix>.event.<type>`, encoded where a name holds what a subject may not.
   */
  readonly subject?: NatsSubject;
  /** Makes the stream when it is missing. Default: the lane stops by name. */
  readonly createStream?: true | NatsStreamPlan;
  /** The stream with the lanes' positions, one message per lane. Default `headwater-position`; made at start when the user may. */
  readonly positionStream?: string;
  /** How the servers list this connection. Default `headwater`. */
  readonly clientName?: string;
  readonly auth?: NatsAuth;
  /** Default: none, unless the server asks for it. */
  readonly tls?: NatsTls;
  /** What replies begin with, for users who may not subscribe to `_INBOX.>`. Default `_INBOX`. */
  readonly inboxPrefix?: string;
  /** No larger message is sent, in bytes with its headers. Default: what server and stream take. */
  readonly recordBytesMax?: number;
  /** How many messages may be on their way without an answer. Default 512. */
  readonly inFlightMax?: number;
  /** How long a server may take to answer. Default 10,000 ms. */
  readonly requestTimeoutMs?: number;
  /** Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
  /**
   * The number of the stream's last message, as a refusal (HW-NATS-012, -013, -014) named it: the lane goes on from its kept
   * position behind it. What it published meanwhile may come again. Default none.
   */
  readonly acceptStreamSequence?: number;
}

/** Options with every default filled in. */
export interface ResolvedNatsOptions extends Pick<
  NatsSinkOptions,
  'subject' | 'auth' | 'tls' | 'inboxPrefix' | 'acceptStreamSequence'
> {
  readonly servers: readonly string[];
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly createStream: Required<NatsStreamPlan> | undefined;
  readonly positionStream: string;
  readonly clientName: string;
  readonly recordBytesMax: number;
  readonly inFlightMax: number;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

const defaultPort = 4222;

/** Checks the options and fills the defaults in. Pure. @throws HW-NATS-002 */
export function resolveNatsOptions(options: NatsSinkOptions): ResolvedNatsOptions {
  const servers = (typeof options.servers === 'string' ? options.servers.split(',') : options.servers).map(parseServer);
  if (servers.length === 0) throw invalid('servers', 'names no server');
  const { stream } = options;
  if (!isStreamName(stream)) throw invalid('stream', 'is no valid name of a stream');
  const subjectPrefix = options.subjectPrefix ?? stream;
  if (!isPublishSubject(subjectPrefix)) throw invalid('subjectPrefix', 'is no subject');
  if (typeof options.subject === 'string' && !isPublishSubject(options.subject)) {
    throw invalid('subject', 'is no subject that one can publish to');
  }
  const positionStream = options.positionStream ?? 'headwater-position';
  if (!isStreamName(positionStream)) throw invalid('positionStream', 'is no valid name of a stream');
  if (positionStream === stream) throw invalid('positionStream', 'is the stream of the records');
  const clientName = options.clientName ?? 'headwater';
  if (clientName === '') throw invalid('clientName', 'is empty');
  if (options.inboxPrefix !== undefined && !isStreamSubject(options.inboxPrefix)) {
    throw invalid('inboxPrefix', 'is no subject');
  }
  const { acceptStreamSequence, auth, inboxPrefix, subject, tls } = options;
  return {
    servers,
    stream,
    subjectPrefix,
    positionStream,
    clientName,
    createStream: options.createStream === undefined ? undefined : resolvePlan(options.createStream, subjectPrefix),
    recordBytesMax: checkPositive('recordBytesMax', options.recordBytesMax ?? Number.MAX_SAFE_INTEGER),
    inFlightMax: checkPositive('inFlightMax', options.inFlightMax ?? 512),
    requestTimeoutMs: checkPositive('requestTimeoutMs', options.requestTimeoutMs ?? 10_000, 0x7fff_ffff),
    connectTimeoutMs: checkPositive('connectTimeoutMs', options.connectTimeoutMs ?? 5_000, 0x7fff_ffff),
    ...(subject === undefined ? {} : { subject }),
    ...(auth === undefined ? {} : { auth }),
    ...(tls === undefined ? {} : { tls }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(acceptStreamSequence === undefined
      ? {}
      : { acceptStreamSequence: checkPositive('acceptStreamSequence', acceptStreamSequence) }),
  };
}

/** 0 in the server's own language: no limit. */
function resolvePlan(plan: true | NatsStreamPlan, subjectPrefix: string): Required<NatsStreamPlan> {
  const { maxAgeMs, maxBytes, replicas = 1, subjects = [`${subjectPrefix}.>`] } = plan === true ? {} : plan;
  if (subjects.length === 0 || !subjects.every(isStreamSubject)) {
    throw invalid('createStream.subjects', 'has none, or one that is no subject');
  }
  return {
    subjects,
    replicas: checkPositive('createStream.replicas', replicas, 5),
    maxAgeMs: maxAgeMs === undefined ? 0 : checkPositive('createStream.maxAgeMs', maxAgeMs),
    maxBytes: maxBytes === undefined ? 0 : checkPositive('createStream.maxBytes', maxBytes),
  };
}

/** A name that is one token of a subject, too, because subjects begin with it. */
function isStreamName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,200}$/.test(name);
}

function parseServer(text: string): string {
  const match = /^\s*(?:\[([0-9a-fA-F:]+)\]|([^\s:@/[\]]+))(?::(\d{1,5}))?\s*$/.exec(text);
  const host = match?.[1] === undefined ? match?.[2] : `[${match[1]}]`;
  const port = Number(match?.[3] ?? defaultPort);
  // The text may be a URL with a password in it, so it is not quoted.
  if (host === undefined || port < 1 || port > 65_535) {
    throw invalid('servers', 'has an entry that is no host:port; user, password and TLS are options of their own');
  }
  return `${host}:${port}`;
}

function checkPositive(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || value <= 0 || value > max) {
    throw invalid(name, `is no whole number from 1 to ${max}`);
  }
  return value;
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-NATS-002', `the option "${option}" of the NATS sink ${reason}`, {
    details: { option },
  });
}
