import type { Client } from 'pg';
import { z } from 'zod';

import { createEmitter } from '../../src/application/emit/emit.ts';
import { defineEvents } from '../../src/application/emit/events.ts';
import type { Random } from '../../src/foundation/random.ts';
import { parseLsn } from '../../src/model/lsn.ts';
import { crashInstallation } from './crash-step.ts';

/** The tables that are mirrored: with a key, without one, and one whose rows come and go. */
export const shopTables: readonly string[] = ['public.account', 'public.ledger', 'public.visit'];

/** What the source holds besides the events, which leave no row behind. */
export const shopSql = `
create table account (id integer primary key, version integer not null);
create table ledger (account integer not null, version integer not null, line integer not null, note text not null);
alter table ledger replica identity full;
create table visit (number integer primary key, account integer not null)`;

/** What the handler writes in the target; `place` tells the order. */
export const effectSql = `
create table effect (place bigserial primary key, event_id text not null, account integer not null, version integer not null)`;

/** What an event says: this account has this version now. Versions of an account count from 1 without a gap. */
export interface AccountVersion {
  readonly account: number;
  readonly version: number;
}

/** Of the payload of an event, whoever brought it. */
export function parseVersion(payload: Uint8Array | string): AccountVersion {
  return versionSchema.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
}

const versionSchema = z.strictObject({ account: z.int(), version: z.int() });
const events = defineEvents({ 'account.changed': versionSchema });
const emit = createEmitter({ installation: crashInstallation });

const accountCount = 8;
const visitsKept = 5;
/** Every so many transactions one is rolled back, and one is so large that its bytes come in several reads. */
const rollbackEvery = 7;
const largeEvery = 9;
const largeLineCount = 400;
const largeNoteLength = 600;

/** The application: changes rows and emits an event about each, in one transaction. Its versions are what can be counted. */
export class Shop {
  readonly #client: Client;
  readonly #random: Random;
  #attemptCount = 0;
  readonly #floors: bigint[] = [];

  constructor(client: Client, random: Random) {
    this.#client = client;
    this.#random = random;
  }

  /** Transactions that were committed and hold something to deliver. */
  get committedCount(): number {
    return this.#floors.length;
  }

  /** A location in the WAL that lies in front of the commit with this number, counted from 1, and behind the one before it. */
  floorOf(number: number): bigint {
    const floor = this.#floors[number - 1];
    if (floor === undefined) throw new RangeError(`there is no transaction ${number}`);
    return floor;
  }

  /** Runs one transaction; now and then it is rolled back at its end. */
  async trade(): Promise<void> {
    this.#attemptCount += 1;
    await this.#client.query('begin');
    const first = Math.floor(this.#random.next() * accountCount);
    const count = 1 + Math.floor(this.#random.next() * 3);
    // In ascending order, as an application does that wants no deadlocks.
    const accounts = [...new Set(Array.from({ length: count }, (_, index) => (first + index) % accountCount))].sort(
      (a, b) => a - b,
    );
    for (const account of accounts) await this.#change(account);
    await this.#visit(first);
    if (this.#attemptCount % rollbackEvery === 0) {
      await this.#client.query('rollback');
      return;
    }
    const { rows } = await this.#client.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn');
    await this.#client.query('commit');
    this.#floors.push(parseLsn(rows[0]?.lsn ?? ''));
  }

  async #change(account: number): Promise<void> {
    const { rows } = await this.#client.query<{ version: number }>(
      `insert into account (id, version) values ($1, 1)
       on conflict (id) do update set version = account.version + 1 returning version`,
      [account],
    );
    const version = rows[0]?.version ?? 0;
    const lineCount = this.#attemptCount % largeEvery === 0 ? largeLineCount : 1;
    await this.#client.query(
      `insert into ledger (account, version, line, note)
       select $1, $2, line, repeat('x', case when $3 > 1 then ${largeNoteLength} else 10 end) from generate_series(1, $3::integer) line`,
      [account, version, lineCount],
    );
    await emit(this.#client, events['account.changed'], { account, version }, { key: String(account) });
  }

  async #visit(account: number): Promise<void> {
    const number = this.#attemptCount;
    await this.#client.query('insert into visit (number, account) values ($1, $2)', [number, account]);
    await this.#client.query('delete from visit where number <= $1', [number - visitsKept]);
  }
}
