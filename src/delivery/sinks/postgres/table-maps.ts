import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { type ColumnMap, createColumnMap } from './column-map.ts';
import type { TableTarget } from './postgres-options.ts';

/** The options of `postgresSink` for tables, by their names in the source. */
export type TableTargets = Readonly<Record<string, string | TableTarget>>;

/** What the user says of a table; undefined when nothing. */
export function targetOf(tables: TableTargets, sourceName: string): TableTarget | undefined {
  const given = Object.hasOwn(tables, sourceName) ? tables[sourceName] : undefined;
  return typeof given === 'string' ? { name: given } : given;
}

/**
 * Shows records as the target has them. A table without a map, or the record of one, stays the object that it is; the schema
 * that a map makes is one object for each version of the source table.
 */
export class TableMaps {
  readonly #tables: TableTargets;
  readonly #isIdle: boolean;
  readonly #maps = new WeakMap<TableSchema, ColumnMap>();

  constructor(tables: TableTargets) {
    this.#tables = tables;
    this.#isIdle = Object.values(tables).every((table) => typeof table === 'string' || table.columns === undefined);
  }

  /** @throws HW-SINK-022, 023 for a map that does not fit the table, HW-SINK-027, 028 for a value. */
  mapRecord(record: JournalRecord): JournalRecord {
    if (this.#isIdle || record.kind === 'event') return record;
    if (record.kind === 'truncate') {
      return { ...record, tables: record.tables.map((table) => this.#mapOf(table)?.table ?? table) };
    }
    return this.#mapOf(record.table)?.mapChange(record) ?? record;
  }

  #mapOf(source: TableSchema): ColumnMap | undefined {
    const known = this.#maps.get(source);
    if (known !== undefined) return known;
    const target = targetOf(this.#tables, `${source.schemaName}.${source.tableName}`);
    if (target?.columns === undefined) return undefined;
    const map = createColumnMap(source, target.columns, target.key);
    this.#maps.set(source, map);
    return map;
  }
}

/** @throws HW-SINK-012 for maps that nothing can be made of. */
export function assertTableTargets(tables: TableTargets): void {
  for (const [sourceName, target] of Object.entries(tables)) {
    if (typeof target === 'string' || target.columns === undefined) continue;
    const { columns, key = [] } = target;
    const unknown = key.find((name) => !Object.hasOwn(columns, name));
    const isEmpty = Object.keys(columns).length === 0;
    if (!isEmpty && unknown === undefined) continue;
    const what = isEmpty ? 'names no column' : `has the key column ${unknown}, which is none of \`columns\``;
    throw new HeadwaterError('HW-SINK-012', `the map of ${sourceName} in \`tables\` ${what}`, {
      details: { table: sourceName },
    });
  }
}
