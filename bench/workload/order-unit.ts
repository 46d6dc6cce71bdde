import type { PoolClient } from 'pg';

/** The statements of one unit of work besides its event: two inserts. */
export async function writeOrder(client: PoolClient, id: string): Promise<void> {
  await client.query('insert into orders (id, note) values ($1, $2)', [id, 'ordered']);
  await client.query('insert into lines (order_id, article) values ($1, $2)', [id, 'lamp']);
}

/** Made before each run. */
export const orderTables: readonly string[] = [
  'drop table if exists orders, lines',
  'create table orders (id text primary key, note text not null)',
  'create table lines (order_id text not null, article text not null)',
];

/** Runs `write` for ids without end in so many loops at once, until the count is reached. */
export async function runUnits(
  { count, writers }: { readonly count: number; readonly writers: number },
  write: (id: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await write(`order-${next}`);
    }
  };
  await Promise.all(Array.from({ length: writers }, work));
}
