import { Client, type QueryResultRow } from 'pg';
import { systemClock } from '../../src/foundation/clock.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import type { RolePurpose } from '../../src/postgres/roles.ts';
import { grantTestRole, testRoleName, testRolePassword, type TestRoleOptions } from './test-roles.ts';

/** A database of one test, made empty and dropped at the end. */
export interface TestDatabase extends AsyncDisposable {
  /** Unique on the server, also a safe prefix for the names of slots and roles. */
  readonly name: string;
  /** Of the superuser. */
  readonly url: string;
  /** The same database for another role. */
  urlFor(role: string, password: string): string;
  /**
   * Makes one of the three roles with what `headwater sql` prints for it, as superuser, and returns its URL: what a program of
   * ours is to connect with. May be called again when tables were added.
   */
  grantRole(purpose: RolePurpose, options?: TestRoleOptions): Promise<string>;
  /** The URL of a role that `grantRole` made. */
  urlOf(purpose: RolePurpose): string;
  /** Runs one statement as superuser on a connection kept for that; returns its rows. */
  query<Row extends QueryResultRow = QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A further connection, closed at the end. Default: as superuser. */
  connect(url?: string): Promise<Client>;
}

const SLOT_TIMEOUT_MS = 10_000;

/**
 * Makes a database on a server. Its disposal drops it together with its slots, its prepared transactions, and the roles whose
 * names begin with its own name and `_`.
 */
export async function createDatabaseOn(serverUrl: string): Promise<TestDatabase> {
  const name = `hw_${Buffer.from(systemRandom.bytes(6)).toString('hex')}`;
  const admin = await openClient(serverUrl);
  try {
    await admin.query(`create database ${name} template template0`);
  } finally {
    await admin.end();
  }
  return new ServerDatabase(serverUrl, name);
}

class ServerDatabase implements TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly #serverUrl: string;
  readonly #clients: Client[] = [];
  #main: Promise<Client> | undefined;

  constructor(serverUrl: string, name: string) {
    this.#serverUrl = serverUrl;
    this.name = name;
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    this.url = url.href;
  }

  urlFor(role: string, password: string): string {
    const url = new URL(this.url);
    url.username = role;
    url.password = password;
    return url.href;
  }

  async grantRole(purpose: RolePurpose, options: TestRoleOptions = {}): Promise<string> {
    await grantTestRole(purpose, this.name, options, (text) => this.query(text));
    return this.urlOf(purpose);
  }

  urlOf(purpose: RolePurpose): string {
    return this.urlFor(testRoleName(this.name, purpose), testRolePassword);
  }

  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    this.#main ??= this.#openMain();
    const client = await this.#main;
    const result = await client.query<Row>(text, [...values]);
    return result.rows;
  }

  /** A server that was restarted, or refused, has closed the connection: the next statement gets a new one. */
  async #openMain(): Promise<Client> {
    const forget = (): void => {
      this.#main = undefined;
    };
    try {
      const client = await this.connect();
      client.once('end', forget);
      return client;
    } catch (error) {
      forget();
      throw error;
    }
  }

  async connect(url: string = this.url): Promise<Client> {
    const client = await openClient(url);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#clients.splice(0).map((client) => client.end()));
    await this.#rollBackPrepared();
    const admin = await openClient(this.#serverUrl);
    try {
      await dropSlots(admin, this.name);
      await admin.query(`drop database if exists ${this.name} with (force)`);
      const roles = await admin.query<{ role: string }>(
        `select quote_ident(rolname) as role from pg_roles where starts_with(rolname, $1)`,
        [`${this.name}_`],
      );
      for (const { role } of roles.rows) await admin.query(`drop role ${role}`);
    } finally {
      await admin.end();
    }
  }

  /** A prepared transaction can be ended only inside its own database, and keeps that from being dropped. */
  async #rollBackPrepared(): Promise<void> {
    const client = await openClient(this.url);
    try {
      const prepared = await client.query<{ gid: string }>(
        `select quote_literal(gid) as gid from pg_prepared_xacts where database = current_database()`,
      );
      for (const { gid } of prepared.rows) await client.query(`rollback prepared ${gid}`);
    } finally {
      await client.end();
    }
  }
}

async function dropSlots(admin: Client, database: string): Promise<void> {
  const deadline = systemClock.monotonicMs() + SLOT_TIMEOUT_MS;
  for (;;) {
    await admin.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and active`,
      [database],
    );
    await admin.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active`,
      [database],
    );
    const left = await admin.query(`select slot_name from pg_replication_slots where database = $1`, [database]);
    if (left.rows.length === 0) return;
    if (systemClock.monotonicMs() > deadline)
      throw new Error(`slots of ${database} stay in use: ${JSON.stringify(left.rows)}`);
    await systemClock.sleep(20);
  }
}

async function openClient(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // A test may kill the server under it; the next statement says so.
  await client.connect();
  return client;
}
