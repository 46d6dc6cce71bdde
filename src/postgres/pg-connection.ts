import { HeadwaterError } from '../foundation/error.ts';
import type { Connection, QueryRow } from './connection.ts';
import { toConnectionError } from './connection-error.ts';
import { describeAddress, type ConnectionOptions } from './connection-options.ts';
import { closePgClient, openPgClient, type PgClient } from './pg-driver.ts';

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
    const result = await client.query(`select pg_catalog.current_setting('server_version_num') as version`);
    return new PgConnection(client, describeAddress(options), Number(textRows(result.rows)[0]?.['version']));
  } catch (thrown) {
    await closePgClient(client);
    throw toConnectionError(thrown, `connecting to ${describeAddress(options)}`);
  }
}

class PgConnection implements Connection {
  readonly backendPid: number;
  readonly serverVersion: number;
  readonly #client: PgClient;
  readonly #address: string;
  #isOpen = true;

  constructor(client: PgClient, address: string, serverVersion: number) {
    this.#client = client;
    this.#address = address;
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
      const result = await this.#client.query(
        text,
        values.map((value) => (value === null ? null : String(value))),
      );
      return textRows(result.rows);
    } catch (thrown) {
      signal?.throwIfAborted();
      throw toConnectionError(thrown, `a statement on ${this.#address}`);
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

/** Rows of text values. The type parsers of the driver were replaced by `String`, so every value is text or null. */
export function textRows(rows: readonly unknown[]): readonly QueryRow[] {
  return rows.filter(isQueryRow);
}

function isQueryRow(row: unknown): row is QueryRow {
  return typeof row === 'object' && row !== null;
}
