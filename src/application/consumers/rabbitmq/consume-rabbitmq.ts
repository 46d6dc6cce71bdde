import { createHash } from 'node:crypto';
import type { ReceivedMessage } from '../../inbox/received-message.ts';
import {
  type ConsumerOptions,
  type ConsumerSettings,
  type Delivery,
  resolveConsumerOptions,
  takeDelivery,
} from '../consumer.ts';
import { readHeadwaterMessage } from '../headwater-headers.ts';
import { OrderedTasks } from '../ordered-tasks.ts';
import { runConnected, toLostConnection } from '../run-connected.ts';

/** A message as the client gives it: `ConsumeMessage` of amqplib. */
export interface RabbitmqMessage {
  readonly content: Buffer;
  readonly fields: { readonly deliveryTag: number; readonly routingKey: string };
  readonly properties: {
    readonly headers: Readonly<Record<string, unknown>> | undefined;
    readonly contentType: unknown;
    readonly messageId: unknown;
  };
}

/** What is asked of a `Channel` of amqplib. */
export interface RabbitmqChannel {
  on(event: 'error' | 'close', listener: (error?: unknown) => void): unknown;
  prefetch(count: number): Promise<unknown>;
  consume(
    queue: string,
    listener: (message: RabbitmqMessage | null) => void,
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  ack(message: RabbitmqMessage): void;
  close(): Promise<void>;
}

/** What is asked of a `ChannelModel` of amqplib. */
export interface RabbitmqConnection {
  on(event: 'error' | 'close', listener: (error?: unknown) => void): unknown;
  createChannel(): Promise<RabbitmqChannel>;
  close(): Promise<void>;
}

/** What `consumeRabbitmq` takes. */
export interface RabbitmqConsumerOptions extends ConsumerOptions {
  /** Connects, with nodes, TLS and login of yours: `() => amqplib.connect(url)`. Called again after a loss; closed here. */
  readonly connect: () => Promise<RabbitmqConnection>;
  readonly queue: string;
  /** Reads messages that Headwater did not send. Default: by Headwater's headers. @throws HW-INBOX-004 for what cannot be read */
  readonly read?: (message: RabbitmqMessage) => ReceivedMessage;
}

/**
 * Takes the messages of a queue by an inbox until `signal` is aborted; resolves when what was in hand is committed and acknowledged.
 * Messages of one key are taken one after the other, in the order of the queue. A message that cannot be taken is parked in the inbox, and
 * those behind it go on.
 * @throws HW-INBOX-002, and what stops it: HW-INBOX-007, HW-INBOX-022
 */
export async function consumeRabbitmq(options: RabbitmqConsumerOptions): Promise<void> {
  const settings = resolveConsumerOptions(options);
  await runConnected(settings, async (established) => {
    const connection = await options.connect();
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined);
    const lose = (thrown?: unknown): void => lost.reject(toLostConnection(thrown ?? 'the broker closed the channel'));
    connection.on('error', lose);
    connection.on('close', lose);
    try {
      const channel = await connection.createChannel();
      channel.on('error', lose);
      channel.on('close', lose);
      await channel.prefetch(settings.inFlightMax);
      established();
      await takeAll(channel, { options, settings, lost });
    } finally {
      await connection.close().catch(() => undefined);
    }
  });
}

interface Taking {
  readonly options: RabbitmqConsumerOptions;
  readonly settings: ConsumerSettings;
  readonly lost: PromiseWithResolvers<never>;
}

async function takeAll(channel: RabbitmqChannel, { lost, options, settings }: Taking): Promise<void> {
  const { inFlightMax, signal } = settings;
  const tasks = new OrderedTasks(inFlightMax);
  const stopped = Promise.withResolvers<void>();
  const stop = (): void => stopped.resolve();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    // Never more at once than `prefetch` lets through.
    const { consumerTag } = await channel.consume(options.queue, (message) => {
      if (message === null) lost.reject(toLostConnection('the queue is gone'));
      else void tasks.add(orderKey(message), () => takeOne(channel, message, { lost, options, settings }));
    });
    await Promise.race([stopped.promise, lost.promise, tasks.failed]);
    await channel.cancel(consumerTag);
    await tasks.idle();
    // Answered behind the acknowledgements.
    await channel.close();
  } finally {
    signal.removeEventListener('abort', stop);
    await tasks.idle();
  }
}

async function takeOne(
  channel: RabbitmqChannel,
  message: RabbitmqMessage,
  { options, settings }: Taking,
): Promise<void> {
  if (settings.signal.aborted) return;
  await takeDelivery(settings, toDelivery(message, options));
  try {
    channel.ack(message);
  } catch {
    // The channel is gone: the message comes again, and the inbox answers it.
  }
}

/** Messages without a key have no order. */
function orderKey({ fields, properties }: RabbitmqMessage): string {
  const key: unknown = properties.headers?.['headwater-key'];
  return typeof key === 'string' ? `=${key}` : `#${fields.deliveryTag}`;
}

function toDelivery(message: RabbitmqMessage, { queue, read = readMessage }: RabbitmqConsumerOptions): Delivery {
  const { content } = message;
  // A delivery tag is one of a channel, and an id of others may be one of several messages: the bytes name what cannot be read.
  const place = `${queue}/${createHash('sha256').update(content).digest('hex')}`.slice(-255);
  return { read: () => read(message), raw: { id: place, sender: 'rabbitmq', body: content } };
}

function readMessage({ content, properties }: RabbitmqMessage): ReceivedMessage {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (typeof value === 'string') headers.set(name, value);
  }
  if (typeof properties.contentType === 'string') headers.set('content-type', properties.contentType);
  return readHeadwaterMessage(headers, { body: content });
}
