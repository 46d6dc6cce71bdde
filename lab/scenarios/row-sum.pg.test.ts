import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestDatabase, skipReason } from '../../scripts/services/testing.ts';
import type { PgbenchTable } from './pgbench-tables.ts';
import { parseTableSum, RowSum, tableSumSql } from './row-sum.ts';

const table: PgbenchTable = { name: 'mixed', columns: ['id', 'fixed', 'at'], keyColumn: 'id' };

test(
  'adds up rows in SQL and here alike: blanks of char(n), NULL, times, and equal rows',
  { skip: await skipReason('postgres18') },
  async () => {
    await using database = await createTestDatabase();
    await database.query(`create table mixed (id integer, fixed char(6), at timestamp)`);
    await database.query(
      `insert into mixed values (1, 'a', '2026-01-02 03:04:05.678'), (-2, null, null), (-2, null, null), (3, '', '2026-01-02')`,
    );
    const [row] = await database.query<{ rows: number; sum: string }>(tableSumSql(table));
    assert.ok(row !== undefined);
    const sum = new RowSum();
    sum.add(['3', '      ', '2026-01-02 00:00:00']);
    sum.add(['-2', null, null]);
    sum.add(['1', 'a     ', '2026-01-02 03:04:05.678']);
    sum.add(['-2', null, null]);
    assert.deepEqual(parseTableSum(row), sum.total);
  },
);
