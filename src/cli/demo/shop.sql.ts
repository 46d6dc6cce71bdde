/** The two tables of the shop's own database. */
export const createShopTables: readonly string[] = [
  `create table orders (id text primary key, total numeric(10, 2) not null, placed_at timestamptz not null default now())`,
  `create table payments (order_id text primary key references orders, amount numeric(10, 2) not null)`,
];

/** What the primary says happened to orders whose ids match $1. */
export const selectCommittedSteps = `
  select id as order_id, 'placed' as step from public.orders where id like $1
  union all
  select order_id, 'paid' from public.payments where order_id like $1
  order by 1, 2 desc`;
