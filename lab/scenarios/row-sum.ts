import { createHash } from 'node:crypto';

import type { PgbenchTable } from './pgbench-tables.ts';

/** What is compared: how many rows, and a sum over them that no order changes. */
export interface TableSum {
  readonly rows: number;
  readonly checksum: string;
}

/** How NULL is written; no value of pgbench looks like this. */
const nullText = '\\N';
const hexDigitCount = 15;

/**
 * Adds up rows as a multiset: of each row the first 60 bits of the MD5 of its texts. `tableSumSql` does the same in SQL. Two
 * tables that differ in a row, or hold one of them twice, have different sums but for a chance of about 2^-60.
 */
export class RowSum {
  #rows = 0;
  #sum = 0n;

  add(values: readonly (string | null)[]): void {
    const text = values.map((value) => value ?? nullText).join('|');
    const digest = createHash('md5').update(text).digest('hex').slice(0, hexDigitCount);
    this.#sum += BigInt(`0x${digest}`);
    this.#rows += 1;
  }

  get total(): TableSum {
    return { rows: this.#rows, checksum: this.#sum.toString(16) };
  }
}

/** The same sum over a table. `concat` writes values as the server sends them: a cast to text would cut the blanks of `char(n)`. */
export function tableSumSql({ columns, name }: PgbenchTable): string {
  const texts = columns.map((column) => `case when ${column} is null then '${nullText}' else concat(${column}) end`);
  return `select count(*)::integer as rows,
  coalesce(sum(('x' || substr(md5(concat_ws('|', ${texts.join(', ')})), 1, ${hexDigitCount}))::bit(60)::bigint), 0)::text as sum
from public.${name}`;
}

/** What `tableSumSql` gave, in the form of `RowSum`. */
export function parseTableSum(row: { readonly rows: number; readonly sum: string }): TableSum {
  return { rows: row.rows, checksum: BigInt(row.sum).toString(16) };
}

/** Whether all sides hold the same rows. */
export function isSameSum(sums: readonly TableSum[]): boolean {
  const [first] = sums;
  return first !== undefined && sums.every(({ rows, checksum }) => rows === first.rows && checksum === first.checksum);
}
