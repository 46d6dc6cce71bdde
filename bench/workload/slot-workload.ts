import { setTimeout } from 'node:timers/promises';

import pg from 'pg';

export interface WorkloadOptions {
  readonly url: string;
  readonly name: string;
  readonly transactions: number;
  readonly rowsPerTransaction: number;
  note(line: string): void;
}

/** Rows in the WAL behind a slot that is never read itself: each run gets a copy of it, so that all read one LSN range. */
export interface SlotWorkload {
  readonly url: string;
  readonly publication: string;
  readonly table: string;
  readonly rows: number;
  readonly commits: number;
  /** A slot at the start of the workload. Drop it after the run. */
  copySlot(name: string): Promise<void>;
  /** Waits for its reader to be gone. */
  dropSlot(name: string): Promise<void>;
  /** Drops the slot that every run copies, so that it holds nothing back any more. */
  release(): Promise<void>;
  /** Where the WAL of the workload ends. */
  endLsn(): Promise<string>;
  /** The walsender that serves the slot right now; undefined when there is none. */
  walsenderPid(slot: string): Promise<number | undefined>;
}

/** About 160 bytes a row, five columns. */
const columns =
  'id bigint primary key, customer_id uuid not null, status text not null, total numeric(12,2) not null, note text not null';
const rowSql = `select n, gen_random_uuid(), 'placed', (n % 100000) / 100.0, repeat(md5(n::text), 2)`;

/** Makes the table, publication and slot, and fills them. Takes a while for a million rows. */
export async function fillSlotWorkload(options: WorkloadOptions): Promise<SlotWorkload> {
  const { name, transactions, rowsPerTransaction } = options;
  const baseSlot = `${name}_base`;
  await using session = await openSession(options.url);
  const { client } = session;
  await client.query(`create table ${name} (${columns})`);
  await client.query(`create publication ${name} for table ${name}`);
  await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [baseSlot]);
  options.note(`filling ${name}: ${transactions} transaction(s) of ${rowsPerTransaction} row(s)`);
  await client.query(`
    create procedure fill_${name}() language plpgsql as $$
    begin
      for t in 0..${transactions - 1} loop
        insert into ${name} ${rowSql} from generate_series(t::bigint * ${rowsPerTransaction} + 1, (t + 1)::bigint * ${rowsPerTransaction}) n;
        commit;
      end loop;
    end $$`);
  await client.query('set synchronous_commit = off');
  await client.query(`call fill_${name}()`);
  await client.query('checkpoint');
  const ends = await client.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
  const endLsn = ends.rows[0]?.lsn ?? '0/0';
  return {
    url: options.url,
    publication: name,
    table: name,
    rows: transactions * rowsPerTransaction,
    commits: transactions,
    copySlot: (slot) => run(options.url, `select pg_copy_logical_replication_slot($1, $2)`, [baseSlot, slot]),
    dropSlot: (slot) => dropSlot(options.url, slot),
    release: () => run(options.url, 'select pg_drop_replication_slot($1)', [baseSlot]),
    endLsn: () => Promise.resolve(endLsn),
    walsenderPid: (slot) => walsenderPid(options.url, slot),
  };
}

interface Session extends AsyncDisposable {
  readonly client: pg.Client;
}

async function openSession(url: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

async function run(url: string, sql: string, values: readonly string[]): Promise<void> {
  await using session = await openSession(url);
  await session.client.query(sql, [...values]);
}

/** A reader that has just ended may still hold its slot for a moment. */
async function dropSlot(url: string, slot: string): Promise<void> {
  const deadline = performance.now() + releaseTimeoutMs;
  while ((await walsenderPid(url, slot)) !== undefined && performance.now() < deadline) await setTimeout(20);
  await run(url, 'select pg_drop_replication_slot($1)', [slot]);
}

const releaseTimeoutMs = 10_000;

async function walsenderPid(url: string, slot: string): Promise<number | undefined> {
  await using session = await openSession(url);
  const { rows } = await session.client.query<{ active_pid: number | null }>(
    'select active_pid from pg_replication_slots where slot_name = $1',
    [slot],
  );
  return rows[0]?.active_pid ?? undefined;
}
