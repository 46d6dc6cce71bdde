/** A table that pgbench makes and fills. */
export interface PgbenchTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Undefined: it has none, and its rows are a multiset. */
  readonly keyColumn: string | undefined;
}

/** What `pgbench -I dtp` makes, with its columns in their order. */
export const pgbenchTables: readonly PgbenchTable[] = [
  { name: 'pgbench_accounts', columns: ['aid', 'bid', 'abalance', 'filler'], keyColumn: 'aid' },
  { name: 'pgbench_branches', columns: ['bid', 'bbalance', 'filler'], keyColumn: 'bid' },
  { name: 'pgbench_tellers', columns: ['tid', 'bid', 'tbalance', 'filler'], keyColumn: 'tid' },
  { name: 'pgbench_history', columns: ['tid', 'bid', 'aid', 'delta', 'mtime', 'filler'], keyColumn: undefined },
];

/** The name in publications, and of the topic. */
export function qualifiedName({ name }: PgbenchTable): string {
  return `public.${name}`;
}
