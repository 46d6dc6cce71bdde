import { withClient } from './drain.ts';
import type { PgbenchTable } from './pgbench-tables.ts';
import { parseTableSum, type TableSum, tableSumSql } from './row-sum.ts';

/** Asks a server for the sum of each table, in their order. */
export async function sumTables(url: string, tables: readonly PgbenchTable[]): Promise<readonly TableSum[]> {
  return withClient(url, async (client) => {
    await client.query(`set timezone to 'UTC'`);
    const sums: TableSum[] = [];
    for (const table of tables) {
      const { rows } = await client.query<{ rows: number; sum: string }>(tableSumSql(table));
      if (rows[0] !== undefined) sums.push(parseTableSum(rows[0]));
    }
    return sums;
  });
}
