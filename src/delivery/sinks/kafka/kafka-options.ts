import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import type { BrokerAddress } from './broker-address.ts';
import { explainTemplate, templateNames } from './topic-template.ts';

/** Compression of what is sent. None needs native code. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** A secret, or how to get it each time a connection is made. */
export type KafkaSecret = string | (() => string | Promise<string>);

/** How the sink authenticates. */
export type KafkaSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: KafkaSecret;
      readonly password: KafkaSecret;
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: KafkaSecret };

/** Names of topics by what goes there. What is not given keeps its default. */
export interface KafkaTopicTemplates {
  /** For changes: `shop.{schema}.{table}`. Default `{schema}.{table}`. */
  readonly changes?: string;
  /** For events: `shop.{type}`, `{source}`. Events of one key keep their order within one topic only. Default `events`. */
  readonly events?: string;
}

/** The topic of a record that the lane's `route` sends nowhere. A function is pure: called again for the same record. */
export type KafkaTopic =
  | string
  | KafkaTopicTemplates
  | ((record: JournalRecord, transaction: TransactionHeader) => string);

/**
 * Headers beside Headwater's own, by name; undefined is left out. Pure: called again for the same record. A name of Headwater's
 * own (`headwater-…`, `content-type`, `traceparent`) is refused with HW-KAFKA-023.
 */
export type KafkaHeaders = (
  record: JournalRecord,
  transaction: TransactionHeader,
) => Readonly<Record<string, string | undefined>> | undefined;

/** What `kafkaSink` takes. */
export interface KafkaSinkOptions {
  /** `host:port` of one or more brokers; the others are learnt from them. */
  readonly brokers: string | readonly string[];
  /** How the brokers' logs and quotas name this client. Default `headwater`. */
  readonly clientId?: string;
  /**
   * Where records go that the lane's `route` does not place. Default: changes to `<schema>.<table>`, events to `events`: one
   * topic for all events, because events of one key keep their order only within one topic.
   */
  readonly topic?: KafkaTopic;
  /** Headers of yours for each record. Default none. */
  readonly headers?: KafkaHeaders;
  /**
   * Whether a record without a value stands behind each deletion, under the same key and in the same transaction: with it a
   * compacted topic forgets the row. Default false.
   */
  readonly tombstones?: boolean;
  /** The compacted topic with the lanes' positions. Default `headwater-position`; made at start when the user may. */
  readonly positionTopic?: string;
  /** Default `none`. */
  readonly compression?: KafkaCompression;
  /** TLS to the brokers, as Node takes it; `{}` for a public certificate. Certificates are checked. Default: no TLS. */
  readonly tls?: TlsOptions;
  /** The name to check the certificate for and to send as SNI. Default: the broker's host. */
  readonly tlsServerName?: string;
  readonly sasl?: KafkaSasl;
  /**
   * No larger record is sent, in bytes as Kafka counts them (key, value and headers). Default: what the topic takes
   * (`max.message.bytes`, read once per topic); a larger setting than that has no effect.
   */
  readonly recordBytesMax?: number;
  /** How long a broker may take to answer. Default 15,000 ms. */
  readonly requestTimeoutMs?: number;
  /** Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
  /**
   * After this time the broker itself ends a transaction whose writer is gone. Until then read-committed consumers wait at
   * it, so it is short. Must lie above `requestTimeoutMs`. Default 30,000 ms.
   */
  readonly transactionTimeoutMs?: number;
  /**
   * Partition counts by topic that are accepted although the lane knew another one: the order of a key across this moment is
   * given up. Default none.
   */
  readonly acceptPartitionCounts?: Readonly<Record<string, number>>;
  /** Where to reach a broker that advertises this address: for tunnels and port forwards. Default: there. */
  readonly brokerAddress?: (advertised: BrokerAddress) => BrokerAddress;
}

/** Options with every default filled in. */
export interface ResolvedKafkaOptions {
  readonly brokers: readonly BrokerAddress[];
  readonly clientId: string;
  readonly topic: KafkaTopic | undefined;
  readonly headers: KafkaHeaders | undefined;
  readonly tombstones: boolean;
  readonly positionTopic: string;
  readonly compression: KafkaCompression;
  readonly tls: TlsOptions | undefined;
  readonly tlsServerName: string | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly recordBytesMax: number;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly acceptPartitionCounts: Readonly<Record<string, number>>;
  readonly brokerAddress: (advertised: BrokerAddress) => BrokerAddress;
}

const defaultPort = 9092;
const compressions: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Checks the options as a whole and fills in the defaults. @throws HW-KAFKA-002 with the name of the option. */
export function resolveKafkaOptions(options: KafkaSinkOptions): ResolvedKafkaOptions {
  const brokers = (typeof options.brokers === 'string' ? options.brokers.split(',') : options.brokers).map(parseBroker);
  if (brokers.length === 0) throw invalid('brokers', 'names no broker');
  const compression = options.compression ?? 'none';
  if (!compressions.includes(compression)) throw invalid('compression', `is none of ${compressions.join(', ')}`);
  const requestTimeoutMs = checkPositive('requestTimeoutMs', options.requestTimeoutMs ?? 15_000);
  const transactionTimeoutMs = checkPositive('transactionTimeoutMs', options.transactionTimeoutMs ?? 30_000);
  if (transactionTimeoutMs <= requestTimeoutMs) {
    throw invalid('transactionTimeoutMs', `is ${transactionTimeoutMs}; it must lie above requestTimeoutMs`);
  }
  const positionTopic = options.positionTopic ?? 'headwater-position';
  if (!isTopicName(positionTopic)) throw invalid('positionTopic', 'is no valid name of a topic');
  assertTopic(options.topic);
  const clientId = options.clientId ?? 'headwater';
  if (!/^\S+$/.test(clientId)) throw invalid('clientId', 'is empty or holds a space');
  for (const [topic, count] of Object.entries(options.acceptPartitionCounts ?? {})) {
    checkPositive(`acceptPartitionCounts.${topic}`, count);
  }
  return {
    brokers,
    clientId,
    topic: options.topic,
    headers: options.headers,
    tombstones: options.tombstones ?? false,
    positionTopic,
    compression,
    tls: options.tls,
    tlsServerName: options.tlsServerName,
    sasl: options.sasl,
    recordBytesMax:
      options.recordBytesMax === undefined
        ? Number.POSITIVE_INFINITY
        : checkPositive('recordBytesMax', options.recordBytesMax),
    requestTimeoutMs,
    connectTimeoutMs: checkPositive('connectTimeoutMs', options.connectTimeoutMs ?? 5_000),
    transactionTimeoutMs,
    acceptPartitionCounts: options.acceptPartitionCounts ?? {},
    brokerAddress: options.brokerAddress ?? ((advertised) => advertised),
  };
}

function assertTopic(topic: KafkaTopic | undefined): void {
  if (typeof topic === 'string' && !isTopicName(topic)) throw invalid('topic', 'is no valid name of a topic');
  if (typeof topic !== 'object') return;
  for (const kind of ['changes', 'events'] as const) {
    const template = topic[kind];
    const reason = template === undefined ? undefined : explainTemplate(template, templateNames[kind]);
    if (reason !== undefined) throw invalid(`topic.${kind}`, reason);
  }
}

/** Kafka's own rule for names. */
export function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}

function parseBroker(text: string): BrokerAddress {
  const match = /^\s*(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?\s*$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535)
    throw invalid('brokers', `"${text.slice(0, 80)}" is no host:port`);
  return { host, port };
}

function checkPositive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value <= 0 || value > 0x7fff_ffff) {
    throw invalid(name, 'is no whole number from 1 to 2147483647');
  }
  return value;
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-KAFKA-002', `the option "${option}" of the Kafka sink ${reason}`, {
    details: { option },
  });
}
