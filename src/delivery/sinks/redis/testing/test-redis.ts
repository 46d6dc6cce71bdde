import { createClient } from '@redis/client';
import { randomUUID } from 'node:crypto';

type Client = ReturnType<typeof makeClient>;

/** A client of the test's own, beside the sink and past its proxy. */
export class TestRedis implements AsyncDisposable {
  readonly #client: Client;
  readonly #url: string;
  readonly #watchers: Client[] = [];

  private constructor(client: Client, url: string) {
    this.#client = client;
    this.#url = url;
  }

  static async open(url: string): Promise<TestRedis> {
    const client = makeClient(url);
    await client.connect();
    return new TestRedis(client, url);
  }

  /** Sends one command. */
  command(...words: readonly string[]): Promise<unknown> {
    return this.#client.sendCommand([...words]);
  }

  /** A hash as an object. */
  async hash(key: string): Promise<Readonly<Record<string, string>>> {
    return pairs(await this.command('HGETALL', key));
  }

  async text(key: string): Promise<string | undefined> {
    const value = await this.command('GET', key);
    return typeof value === 'string' ? value : undefined;
  }

  /** The names that begin so, sorted. */
  async keys(prefix: string): Promise<readonly string[]> {
    const names = await this.command('KEYS', `${prefix}*`);
    return Array.isArray(names) ? names.map(String).toSorted() : [];
  }

  /** The entries of a stream, each with its id. */
  async entries(stream: string): Promise<readonly Readonly<Record<string, string>>[]> {
    const entries = await this.command('XRANGE', stream, '-', '+');
    return (Array.isArray(entries) ? entries : []).map((entry: unknown) => {
      const [id, fields] = entry as readonly [string, unknown];
      return { ...pairs(fields), 'entry-id': id };
    });
  }

  /** Sees every write of a key that begins so, in order, repetitions included; the server must announce them. */
  async watch(prefix: string): Promise<() => Promise<readonly string[]>> {
    await this.command('CONFIG', 'SET', 'notify-keyspace-events', 'Eh$');
    const seen: string[] = [];
    const watcher = makeClient(this.#url);
    this.#watchers.push(watcher);
    await watcher.connect();
    const listen = (key: string): void => void (key.startsWith(prefix) && seen.push(key));
    await watcher.pSubscribe(['__keyevent@*__:hset', '__keyevent@*__:set'], listen);
    return async () => {
      // An answer comes behind everything that was announced before the question.
      await watcher.ping();
      return seen;
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const client of [...this.#watchers.splice(0), this.#client]) client.destroy();
    return Promise.resolve();
  }
}

function makeClient(url: string) {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  return client;
}

function pairs(list: unknown): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  if (!Array.isArray(list)) return record;
  for (let index = 0; index < list.length; index += 2) record[String(list[index])] = String(list[index + 1]);
  return record;
}

/** What the keys of one test begin with. */
export function uniquePrefix(): string {
  return `test-${randomUUID()}:`;
}
