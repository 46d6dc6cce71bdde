import { type Channel, type ChannelModel, connect, type GetMessage } from 'amqplib';
import { systemRandom } from '../../../../foundation/random.ts';

/** What a test makes at a broker. */
export interface TestPlace {
  readonly exchange: string;
  readonly queue: string;
}

/** Exchanges and queues of one test, and what is in them. */
export class TestBroker implements AsyncDisposable {
  readonly #connection: ChannelModel;
  readonly channel: Channel;

  private constructor(connection: ChannelModel, channel: Channel) {
    this.#connection = connection;
    this.channel = channel;
  }

  static async open(url: string): Promise<TestBroker> {
    const connection = await connect(url);
    connection.on('error', () => undefined);
    return new TestBroker(connection, await connection.createChannel());
  }

  /** A topic exchange. */
  async createExchange(name: string = uniqueName('exchange')): Promise<string> {
    await this.channel.assertExchange(name, 'topic', { durable: true });
    return name;
  }

  /** A durable queue, of type quorum unless its arguments say otherwise. */
  async createQueue(
    name: string = uniqueName('queue'),
    queueArguments: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    await this.channel.assertQueue(name, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', ...queueArguments },
    });
    return name;
  }

  /** An exchange with a queue that gets everything. */
  async createPlace(queueArguments: Readonly<Record<string, unknown>> = {}): Promise<TestPlace> {
    const place = { exchange: await this.createExchange(), queue: await this.createQueue(undefined, queueArguments) };
    await this.channel.bindQueue(place.queue, place.exchange, '#');
    return place;
  }

  /** Takes everything out of a queue, in its order. */
  async take(queue: string, countMax: number = Number.POSITIVE_INFINITY): Promise<GetMessage[]> {
    const messages: GetMessage[] = [];
    while (messages.length < countMax) {
      const message = await this.channel.get(queue, { noAck: true });
      if (message === false) break;
      messages.push(message);
    }
    return messages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close().catch(() => undefined);
  }
}

/** A name that no other test has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
}

/** Opens a broker for the time of some work. */
export async function withBroker<Result>(url: string, work: (broker: TestBroker) => Promise<Result>): Promise<Result> {
  await using broker = await TestBroker.open(url);
  return await work(broker);
}

/** `host` and `port` of an AMQP URL. */
export function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
