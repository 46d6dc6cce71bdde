import { type JetStreamManager, jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { systemRandom } from '../../../../foundation/random.ts';

/** A message as a consumer sees it. */
export interface StreamMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly text: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** Streams of one test. */
export class TestStreams implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly manager: JetStreamManager;

  private constructor(connection: NatsConnection, manager: JetStreamManager) {
    this.#connection = connection;
    this.manager = manager;
  }

  static async open(servers: string): Promise<TestStreams> {
    const connection = await connect({ servers, reconnect: false });
    return new TestStreams(connection, await jetstreamManager(connection));
  }

  /** Makes a stream that takes everything below its name. */
  async create(name: string, config: Partial<StreamConfig> = {}): Promise<void> {
    await this.manager.streams.add({ name, subjects: [`${name}.>`], ...config });
  }

  /** Makes a stream under a name of its own. */
  async createNew(prefix: string, config: Partial<StreamConfig> = {}): Promise<string> {
    const name = uniqueName(prefix);
    await this.create(name, config);
    return name;
  }

  async lastSequence(stream: string): Promise<number> {
    return (await this.manager.streams.info(stream)).state.last_seq;
  }

  /** Publishes as anybody may. Returns the number, or the error's number. */
  async publish(subject: string, text: string, lines: Readonly<Record<string, string>> = {}): Promise<number> {
    const set = headers();
    for (const [name, value] of Object.entries(lines)) set.set(name, value);
    return (await jetstream(this.#connection).publish(subject, text, { headers: set })).seq;
  }

  /** Everything that is in the stream, in its order. */
  async read(stream: string): Promise<StreamMessage[]> {
    const { first_seq: first, last_seq: last } = (await this.manager.streams.info(stream)).state;
    const messages: StreamMessage[] = [];
    for (let sequence = Math.max(first, 1); sequence <= last; sequence += 1) {
      const found = await this.manager.streams.getMessage(stream, { seq: sequence });
      if (found === null) continue;
      const lines = new Map(found.header.keys().map((name) => [name, found.header.get(name)]));
      messages.push({ sequence, subject: found.subject, text: found.string(), headers: lines });
    }
    return messages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/** A name that no other test has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
}
