import { HeadwaterError } from '../foundation/error.ts';
import type { Connection, QueryRow } from './connection.ts';
import { describeAddress, type ConnectionOptions } from './connection-options.ts';
import { closePgClient, openPgClient, runStatement, type PgClient } from './pg-driver.ts';

/** Nothing of role or database may end or change the few statements of the product. */
const sessionSettings: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  DateStyle: 'ISO',
  TimeZone: 'UTC',
  search_path: 'pg_catalog',
};

/** Opens an ordinary session by the driver `pg`. @throws HW-SOURCE codes as `openPgClient` does. */
export async function openConnection(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
  const client = await openPgClient(options, { settings: sessionSettings, replication: 'none' }, signal);
  try {
    const [row] = await runStatement(client, {
      text: `select pg_catalog.current_setting('server_version_num') as version`,
      values: [],
      subject: `connecting to ${describeAddress(options)}`,
      timeoutMs: options.connectTimeoutMs,
    });
    return new PgConnection(client, options, Number(row?.['version']));
  } catch (thrown) {
    await closePgClient(client);
    throw thrown;
  }
}

class PgConnection implements Connection {
  readonly backendPid: number;
  readonly serverVersion: number;
  readonly #client: PgClient;
  readonly #address: string;
  readonly #statementTimeoutMs: number | undefined;
  #isOpen = true;

  constructor(client: PgClient, options: ConnectionOptions, serverVersion: number) {
    this.#client = client;
    this.#address = describeAddress(options);
    this.#statementTimeoutMs = options.statementTimeoutMs;
    this.serverVersion = serverVersion;
    this.backendPid = Number(Reflect.get(client, 'processID'));
    client.on('end', () => {
      this.#isOpen = false;
    });
    client.on('error', () => {
      this.#isOpen = false;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async query(
    text: string,
    values: readonly (string | number | bigint | boolean | null)[] = [],
    signal?: AbortSignal,
  ): Promise<readonly QueryRow[]> {
    signal?.throwIfAborted();
    if (!this.#isOpen) throw new HeadwaterError('HW-SOURCE-034', `the connection to ${this.#address} is closed`);
    const abort = (): void => void this.close();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const texts = values.map((value) => (value === null ? null : String(value)));
      const subject = `a statement on ${this.#address}`;
      return await runStatement(this.#client, { text, values: texts, subject, timeoutMs: this.#statementTimeoutMs });
    } catch (thrown) {
      signal?.throwIfAborted();
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await closePgClient(this.#client);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
