import pg from 'pg';

import { applyMigrations } from '../../src/postgres/database-objects.ts';

/** A database with Headwater's tables and one of an application. */
export interface EmitDatabase extends AsyncDisposable {
  readonly url: string;
  /** Takes away what the run before wrote, so that each finds the same. */
  empty(): Promise<void>;
}

export async function prepareEmitDatabase(url: string): Promise<EmitDatabase> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await applyMigrations(async (text) => (await client.query<Record<string, unknown>>(text)).rows);
  await client.query('create table public.orders (id text primary key)');
  // What an application writes for itself: fewer columns than ours, and no constraint but the key.
  await client.query(`create table public.outbox (
    id uuid primary key,
    event_type text not null,
    aggregate_id text not null,
    payload jsonb not null,
    created_at timestamptz not null default now(),
    published boolean not null default false
  )`);
  return {
    url,
    async empty() {
      await client.query('truncate headwater.outbox, public.outbox, public.orders');
      await client.query('checkpoint');
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
