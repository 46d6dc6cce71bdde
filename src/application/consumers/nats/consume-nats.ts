import type { ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { HeadwaterError } from '../../../foundation/error.ts';
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

/** A message as the client gives it: `JsMsg` of `@nats-io/jetstream`. */
export interface NatsMessage {
  readonly data: Uint8Array;
  readonly headers?: { keys(): string[]; get(name: string): string } | undefined;
  readonly seq: number;
  readonly info: { readonly stream: string };
  ack(): void;
}

/** What is asked of a `NatsConnection`, besides what `@nats-io/jetstream` asks of it. */
export interface NatsConnectionClient {
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** What `consumeNats` takes. */
export interface NatsConsumerOptions extends ConsumerOptions {
  /** Connects, with servers, TLS and login of yours: `() => connect({ servers })`. Called again after a loss; closed here. */
  readonly connect: () => Promise<NatsConnectionClient>;
  readonly stream: string;
  /** A durable consumer of that stream, with explicit acknowledgement. */
  readonly consumer: string;
  /** Reads messages that Headwater did not send. Default: by Headwater's headers. @throws HW-INBOX-004 for what cannot be read */
  readonly read?: (message: NatsMessage) => ReceivedMessage;
}

/**
 * Takes the messages of a durable JetStream consumer by an inbox until `signal` is aborted; resolves when what was in hand is committed and
 * acknowledged. Messages of one key are taken one after the other. A message that cannot be taken is parked in the inbox, and those behind
 * it go on. Needs the optional package `@nats-io/jetstream`.
 * @throws HW-INBOX-002, and what stops it: HW-INBOX-007, HW-INBOX-022
 */
export async function consumeNats(options: NatsConsumerOptions): Promise<void> {
  const settings = resolveConsumerOptions(options);
  await runConnected(settings, async (established) => {
    const connection = await options.connect();
    try {
      const messages = await openConsumer(connection, options, settings);
      established();
      await takeAll(messages, options, settings);
      // Acknowledgements are on their way without an answer.
      await connection.flush().catch(() => undefined);
    } finally {
      await connection.close();
    }
  });
}

async function openConsumer(
  connection: NatsConnectionClient,
  { consumer: name, stream }: NatsConsumerOptions,
  { inFlightMax }: ConsumerSettings,
): Promise<ConsumerMessages> {
  const { jetstream } = await import('@nats-io/jetstream');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the declarations name no package that not all users have
  const consumer = await jetstream(connection as NatsConnection).consumers.get(stream, name);
  const { config } = await consumer.info();
  if (config.ack_policy !== 'explicit') {
    const message = `the consumer "${name}" of stream "${stream}" acknowledges by "${config.ack_policy}", not explicitly`;
    throw new HeadwaterError('HW-INBOX-002', message, { details: { option: 'consumer' } });
  }
  return consumer.consume({ max_messages: inFlightMax });
}

async function takeAll(
  messages: ConsumerMessages,
  options: NatsConsumerOptions,
  settings: ConsumerSettings,
): Promise<void> {
  const { inFlightMax, signal } = settings;
  const tasks = new OrderedTasks(inFlightMax);
  const end = (): void => void messages.close();
  tasks.failed.catch(end);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const message of messages) {
      if (signal.aborted || tasks.hasFailed) break;
      await tasks.add(orderKey(message), async () => {
        if (signal.aborted) return;
        await takeDelivery(settings, toDelivery(message, options));
        message.ack();
      });
    }
  } catch (thrown) {
    if (!signal.aborted && !tasks.hasFailed) throw toLostConnection(thrown);
  } finally {
    signal.removeEventListener('abort', end);
    await tasks.idle();
    await messages.close();
  }
  if (tasks.hasFailed) await tasks.failed;
}

/** Messages without a key have no order. */
function orderKey({ headers, seq }: NatsMessage): string {
  const key = headers?.get('headwater-key') ?? '';
  return key === '' ? `#${seq}` : `=${key}`;
}

function toDelivery(message: NatsMessage, { read = readMessage }: NatsConsumerOptions): Delivery {
  const { data, info, seq } = message;
  return { read: () => read(message), raw: { id: `${info.stream}/${seq}`, sender: 'nats', body: data } };
}

function readMessage({ data, headers }: NatsMessage): ReceivedMessage {
  const texts = (headers?.keys() ?? []).map((name) => [name, decode(headers?.get(name) ?? '')] as const);
  return readHeadwaterMessage(new Map(texts), { body: data });
}

/** What the sink has percent-encoded. A text that is none of its own stays as it is. */
function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
