import { HeadwaterError } from '../../../foundation/error.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { quoteIdentifier } from '../../../postgres/quote.ts';
import { sourceKey } from '../../source-key.ts';
import type { LaneName } from './checkpoint-row.ts';
import { type FoundTable, readFoundTable } from './found-table.ts';
import type { SqliteTableTarget } from './sqlite-options.ts';
import type { SqliteSession } from './sqlite-session.ts';
import { declareColumn, type FitRequest, fitTable, type TargetTable, toTargetTable } from './target-table.ts';

/** Whose tables they are, where they go, and whether they may be made. */
export interface TableRegistryOptions {
  readonly lane: LaneName;
  readonly tables: Readonly<Record<string, string | SqliteTableTarget>>;
  readonly create: 'if-missing' | 'never';
}

interface Mirrored {
  readonly isOwned: boolean;
  readonly columns: readonly string[];
}

type Request = Pick<FitRequest, 'source' | 'sourceName' | 'targetName' | 'key'>;

/**
 * Finds the target of each source table, as each version of it is met in the stream: makes it or adds columns if it is ours,
 * checks it column by column otherwise. Runs in the transaction of the rows, so what it makes is undone with them.
 */
export class TableRegistry {
  readonly #options: TableRegistryOptions;
  /** Schemas that a decoder handed out are one object as long as nothing changes. */
  #known = new WeakMap<TableSchema, TargetTable>();

  constructor(options: TableRegistryOptions) {
    this.#options = options;
  }

  /** What was found in a transaction that was undone, or in another session, holds no longer. */
  forget(): void {
    this.#known = new WeakMap();
  }

  /** @throws HW-SINK-006, 012, 020, 022, 023 and HW-SQLITE-004 when there is no target that fits */
  find(source: TableSchema, session: SqliteSession): TargetTable {
    const known = this.#known.get(source);
    if (known !== undefined) return known;
    const request = this.#request(source);
    this.#assertAlone(request, session);
    const mirrored = this.#readMirrored(request, session);
    const isMade = this.#createIfMissing(request, session);
    const isOwned = isMade || mirrored?.isOwned === true;
    const fit = { ...request, known: isMade ? undefined : mirrored?.columns, isOwned };
    const added = fitTable({ ...fit, found: requireFound(request, session) });
    for (const column of added) {
      const text = `alter table ${quoteIdentifier(request.targetName)} add column ${declareColumn(column)}`;
      session.execute(`adding a column to ${request.targetName}`, text);
    }
    this.#writeMirrored(request, isOwned, session);
    const table = toTargetTable({ ...fit, found: requireFound(request, session) });
    this.#known.set(source, table);
    return table;
  }

  #request(source: TableSchema): Request {
    const sourceName = `${source.schemaName}.${source.tableName}`;
    const given = Object.hasOwn(this.#options.tables, sourceName) ? this.#options.tables[sourceName] : undefined;
    const { name, key }: SqliteTableTarget = typeof given === 'string' ? { name: given } : (given ?? {});
    const plainName = source.schemaName === 'public' ? source.tableName : `${source.schemaName}_${source.tableName}`;
    const targetName = name ?? plainName;
    if (/^(?:sqlite|headwater)_/i.test(targetName)) {
      const message = `the table of ${sourceName} cannot be called ${targetName}: SQLite and the sink keep such names`;
      throw new HeadwaterError('HW-SINK-012', message, { details: { table: sourceName } });
    }
    const unknown = key?.find((column) => source.columns.every((found) => found.name !== column));
    if (unknown !== undefined)
      throw new HeadwaterError('HW-SINK-012', `the key column ${unknown} of ${sourceName} does not exist`, {
        details: { column: unknown },
      });
    return { source, sourceName, targetName, key };
  }

  #assertAlone({ source, sourceName, targetName }: Request, session: SqliteSession): void {
    const [other] = session.all(
      `looking for what goes into ${targetName}`,
      `select source_schema, source_table from headwater_mirrored_table
where installation = ? and lane = ? and target_table = ? collate nocase and not (source_schema = ? and source_table = ?)`,
      [...this.#laneValues, targetName, source.schemaName, source.tableName],
    );
    if (other === undefined) return;
    const otherName = `${String(other['source_schema'])}.${String(other['source_table'])}`;
    throw new HeadwaterError('HW-SQLITE-004', `${sourceName} would go into ${targetName}, as ${otherName} does`, {
      details: { table: sourceName, other: otherName },
    });
  }

  /** Returns whether the table was made. */
  #createIfMissing({ source, targetName, key }: Request, session: SqliteSession): boolean {
    if (this.#options.create === 'never' || readFoundTable(session, targetName) !== undefined) return false;
    const keyNames = sourceKey(source, key);
    const lines = source.columns.map((column) =>
      keyNames.includes(column.name) ? `${declareColumn(column)} not null` : declareColumn(column),
    );
    if (keyNames.length > 0) lines.push(`primary key (${keyNames.map(quoteIdentifier).join(', ')})`);
    const text = `create table ${quoteIdentifier(targetName)} (${lines.join(', ')}) strict`;
    session.execute(`making the table ${targetName}`, text);
    return true;
  }

  #readMirrored({ source, targetName }: Request, session: SqliteSession): Mirrored | undefined {
    const [row] = session.all(
      `looking up what is known of ${targetName}`,
      `select is_owned, columns from headwater_mirrored_table
where installation = ? and lane = ? and source_schema = ? and source_table = ? and target_table = ? collate nocase`,
      [...this.#laneValues, source.schemaName, source.tableName, targetName],
    );
    if (row === undefined) return undefined;
    const names: unknown = JSON.parse(String(row['columns']));
    return { isOwned: Number(row['is_owned']) === 1, columns: Array.isArray(names) ? names.map(String) : [] };
  }

  #writeMirrored({ source, targetName }: Request, isOwned: boolean, session: SqliteSession): void {
    const columns = JSON.stringify(source.columns.map(({ name }) => name));
    session.run(
      `noting what is known of ${targetName}`,
      `insert into headwater_mirrored_table (installation, lane, source_schema, source_table, target_table, is_owned, columns)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (installation, lane, source_schema, source_table) do update set target_table = excluded.target_table,
  is_owned = excluded.is_owned, columns = excluded.columns`,
      [...this.#laneValues, source.schemaName, source.tableName, targetName, isOwned ? 1n : 0n, columns],
    );
  }

  get #laneValues(): readonly string[] {
    return [this.#options.lane.installation, this.#options.lane.laneName];
  }
}

function requireFound({ targetName }: Request, session: SqliteSession): FoundTable {
  const found = readFoundTable(session, targetName);
  if (found?.kind === 'table') return found;
  const state = found === undefined ? 'does not exist' : `is a ${found.kind} and no table`;
  throw new HeadwaterError('HW-SINK-006', `${targetName} ${state} in the database`, { details: { table: targetName } });
}
