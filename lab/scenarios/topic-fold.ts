import type { PgbenchTable } from './pgbench-tables.ts';
import { RowSum, type TableSum } from './row-sum.ts';

/** A record of a topic of changes, as far as the fold needs it. */
export interface TopicRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
}

type Values = Readonly<Record<string, string | null>>;
type RowTexts = readonly (string | null)[];

interface TopicChange {
  readonly op: 'insert' | 'read' | 'update' | 'delete' | 'truncate';
  readonly before?: Values;
  readonly after?: Values;
  readonly unchanged?: readonly string[];
}

/**
 * What a consumer holds that reads a topic of changes from its beginning: the last state of each key, or, for a table without
 * a key, every row. A TRUNCATE stands in each partition and empties what came before it there. Order between partitions means
 * nothing, so each has rows of its own.
 *
 * An UPDATE that changes the key moves the row, whether its deletion under the old key came as a record of its own or not.
 *
 * Throws on what a right topic never holds: an update or a deletion of a row that is not there, an insert of one that is. With
 * `isCopied`, rows that were there before come by `read`, and until then their changes may come without them.
 */
export class TopicFold {
  readonly #table: PgbenchTable;
  readonly #partitions = new Map<number, PartitionRows>();

  readonly #isCopied: boolean;
  /** Rows that came by copy. */
  readCount = 0;

  constructor(table: PgbenchTable, isCopied = false) {
    this.#table = table;
    this.#isCopied = isCopied;
  }

  take({ partition, key, value }: TopicRecord): void {
    const rows = this.#partitions.get(partition) ?? new PartitionRows(this.#table, this.#isCopied);
    this.#partitions.set(partition, rows);
    if (value === null) throw new Error(`${this.#table.name}: a record without a value`);
    const change = JSON.parse(value) as TopicChange;
    if (change.op === 'read') this.readCount += 1;
    rows.apply(key, change);
  }

  get total(): TableSum {
    const sum = new RowSum();
    for (const rows of this.#partitions.values()) rows.addTo(sum);
    return sum.total;
  }
}

class PartitionRows {
  readonly #table: PgbenchTable;
  readonly #byKey = new Map<string, RowTexts>();
  #keyless: RowTexts[] = [];

  readonly #isCopied: boolean;

  constructor(table: PgbenchTable, isCopied: boolean) {
    this.#table = table;
    this.#isCopied = isCopied;
  }

  apply(key: string | null, change: TopicChange): void {
    if (change.op === 'truncate') {
      this.#byKey.clear();
      this.#keyless = [];
      return;
    }
    if (this.#table.keyColumn === undefined) {
      if (change.op !== 'insert' && change.op !== 'read') throw this.#wrong(`a ${change.op} in a table without a key`);
      this.#keyless.push(this.#texts(change, undefined));
      return;
    }
    if (key === null) throw this.#wrong(`a ${change.op} without a key`);
    const formerKey = this.#formerKey(key, change);
    const before = this.#byKey.get(formerKey ?? key);
    // Where a change of the key is two records, the first one has removed the row already.
    if (!this.#isCopied && formerKey === undefined && (change.op === 'insert') !== (before === undefined))
      throw this.#wrong(`a ${change.op} that does not fit key ${key}`);
    if (formerKey !== undefined) this.#byKey.delete(formerKey);
    if (change.op === 'delete') this.#byKey.delete(key);
    else this.#byKey.set(key, this.#texts(change, before));
  }

  addTo(sum: RowSum): void {
    for (const row of this.#byKey.values()) sum.add(row);
    for (const row of this.#keyless) sum.add(row);
  }

  /** The key that an UPDATE took the row away from. */
  #formerKey(key: string, { before, op }: TopicChange): string | undefined {
    const value = op === 'update' ? before?.[this.#table.keyColumn ?? ''] : undefined;
    const formerKey = value === undefined ? undefined : JSON.stringify([value]);
    return formerKey === key ? undefined : formerKey;
  }

  #texts({ after, unchanged = [] }: TopicChange, before: RowTexts | undefined): RowTexts {
    return this.#table.columns.map((column, index) => {
      const value = unchanged.includes(column) ? before?.[index] : after?.[column];
      if (value === undefined) throw this.#wrong(`no value of column ${column}`);
      return value;
    });
  }

  #wrong(reason: string): Error {
    return new Error(`topic of ${this.#table.name}: ${reason}`);
  }
}
