import { systemRandom } from '../../foundation/random.ts';
import type { Connection } from '../../postgres/connection.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { openConnection } from '../../postgres/pg-connection.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type CommittedStep, type Effect, orderSteps } from './damage.ts';
import { readStep } from './demo-event.ts';
import { createEffectTable, selectEffects } from './reports.sql.ts';
import { createShopTables, selectCommittedSteps } from './shop.sql.ts';

/** The two databases of the demo: the shop's own, which is the primary, and the reports, a derived store. */
export interface ShopDatabases extends AsyncDisposable {
  readonly shopUrl: string;
  readonly reportsUrl: string;
  /** The replication slot, named so that two demos can share a server. */
  readonly slot: string;
  /** What the primary says happened. */
  readCommitted(prefix: string): Promise<readonly CommittedStep[]>;
  /** What the reports say happened, in the order of arrival. */
  readReported(prefix: string): Promise<readonly Effect[]>;
  /** Lets nobody into the reports, and ends the sessions that are there. */
  closeReports(): Promise<void>;
  /** Lets everybody into the reports again. */
  openReports(): Promise<void>;
}

/** Where the databases are made, and what becomes of them and of the slot. */
export interface ShopDatabasesOptions {
  readonly serverUrl: string;
  /** `leave`: the whole server goes. */
  readonly atEnd: 'drop' | 'leave';
  readonly signal: AbortSignal;
}

/** Makes both databases on a server. @throws HW-DEMO-004, HW-SOURCE codes */
export async function createShopDatabases({ serverUrl, atEnd, signal }: ShopDatabasesOptions): Promise<ShopDatabases> {
  const name = `headwater_demo_${Buffer.from(systemRandom.bytes(4)).toString('hex')}`;
  const server = await openConnection(parseConnectionUrl(serverUrl), signal);
  try {
    await assertUsable(server);
    const databases = new CreatedDatabases({ serverUrl, atEnd, name }, server);
    try {
      await databases.create();
      return databases;
    } catch (error) {
      await databases[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function assertUsable(server: Connection): Promise<void> {
  const [row] = await server.query(
    `select current_setting('wal_level') as wal_level, rolsuper::text as is_superuser from pg_roles where rolname = current_user`,
  );
  if (row?.['wal_level'] !== 'logical') {
    throw new HeadwaterError('HW-DEMO-004', `the server has wal_level = ${row?.['wal_level']}, not logical`);
  }
  if (row['is_superuser'] !== 'true') throw new HeadwaterError('HW-DEMO-004', 'the role of --url is no superuser');
}

class CreatedDatabases implements ShopDatabases {
  readonly shopUrl: string;
  readonly reportsUrl: string;
  readonly slot: string;
  readonly #server: Connection;
  readonly #name: string;
  readonly #atEnd: ShopDatabasesOptions['atEnd'];
  #shop: Connection | undefined;
  #reports: Connection | undefined;

  constructor(
    place: Pick<ShopDatabasesOptions, 'serverUrl' | 'atEnd'> & { readonly name: string },
    server: Connection,
  ) {
    const { atEnd, name, serverUrl } = place;
    this.shopUrl = withDatabase(serverUrl, `${name}_shop`);
    this.reportsUrl = withDatabase(serverUrl, `${name}_reports`);
    this.slot = name;
    this.#atEnd = atEnd;
    this.#name = name;
    this.#server = server;
  }

  async create(): Promise<void> {
    // Copying template0 file by file is slower here than logging it, but a checkpoint of a busy server is slower still.
    await this.#server.query(`create database ${this.#name}_shop template template0`);
    await this.#server.query(`create database ${this.#name}_reports template template0`);
    this.#shop = await openConnection(parseConnectionUrl(this.shopUrl));
    // The product's own sessions see no schema but pg_catalog, so that nobody can slip a function under them.
    await this.#shop.query(`set search_path = public`);
    for (const statement of createShopTables) await this.#shop.query(statement);
    await this.openReportsSession();
    await this.#reports?.query(`set search_path = public`);
    await this.#reports?.query(createEffectTable);
  }

  async openReportsSession(): Promise<Connection> {
    if (this.#reports?.isOpen !== true) this.#reports = await openConnection(parseConnectionUrl(this.reportsUrl));
    return this.#reports;
  }

  async readCommitted(prefix: string): Promise<readonly CommittedStep[]> {
    const rows = (await this.#shop?.query(selectCommittedSteps, [`${prefix}%`])) ?? [];
    return rows.map((row) => ({ orderId: row['order_id'] ?? '', step: requireStep(row['step']) }));
  }

  async readReported(prefix: string): Promise<readonly Effect[]> {
    const reports = await this.openReportsSession();
    const rows = await reports.query(selectEffects, [`${prefix}%`]);
    return rows.map((row) => ({
      eventId: row['event_id'] ?? '',
      orderId: row['order_id'] ?? '',
      step: requireStep(readStep(row['type'] ?? '')),
    }));
  }

  async closeReports(): Promise<void> {
    await this.#server.query(`alter database ${this.#name}_reports with allow_connections false`);
    await this.#server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [
      `${this.#name}_reports`,
    ]);
  }

  async openReports(): Promise<void> {
    await this.#server.query(`alter database ${this.#name}_reports with allow_connections true`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#shop?.close(), this.#reports?.close()]);
    try {
      if (this.#atEnd === 'leave' || !this.#server.isOpen) return;
      await this.#server.query(
        `select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active`,
        [this.slot],
      );
      await this.#server.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`,
        [this.slot],
      );
      for (const database of ['shop', 'reports']) {
        await this.#server.query(`drop database if exists ${this.#name}_${database} with (force)`);
      }
    } finally {
      await this.#server.close();
    }
  }
}

function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function requireStep(text: string | null | undefined): CommittedStep['step'] {
  const step = orderSteps.find((candidate) => candidate === text);
  if (step === undefined) throw new HeadwaterError('HW-DEMO-002', 'a store holds what is no step of an order');
  return step;
}
