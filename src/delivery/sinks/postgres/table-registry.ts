import { HeadwaterError } from '../../../foundation/error.ts';
import type { ColumnSchema, TableSchema } from '../../../model/table-schema.ts';
import { parseQualifiedName, quoteIdentifier, quoteQualified } from '../../../postgres/quote.ts';
import { sourceKey } from '../../source-key.ts';
import type { LaneName } from './checkpoint-table.ts';
import { type FoundTable, parseFoundTable } from './found-table.ts';
import { targetOf, type TableTargets } from './table-maps.ts';
import { assertMapFits, fitTable, type KnownColumns } from './table-fit.ts';
import { declareTypesQuery, readTableQuery } from './target-catalog.sql.ts';
import type { TargetSession } from './target-session.ts';
import { isFoldable, targetKey, type TargetTable } from './target-table.ts';

/** Whose tables they are, where they go, and whether they may be made. */
export interface TableRegistryOptions {
  readonly lane: LaneName;
  readonly tables: TableTargets;
  readonly create: 'if-missing' | 'never';
}

interface Mirrored {
  readonly isOwned: boolean;
  readonly columns: KnownColumns;
}

interface Place {
  readonly schemaName: string;
  readonly tableName: string;
  readonly targetName: string;
}

interface Request extends Place {
  readonly source: TableSchema;
  readonly sourceName: string;
  readonly key: readonly string[] | undefined;
  readonly isMapped: boolean;
}

/**
 * Finds the target of each source table, as each version of it is met in the stream: makes it or adds columns if it is ours,
 * checks it column by column otherwise. Runs in the transaction of the rows, so what it makes is undone with them.
 */
export class TableRegistry {
  readonly #options: TableRegistryOptions;
  /** Schemas that a decoder handed out are one object as long as nothing changes. */
  #known = new WeakMap<TableSchema, TargetTable>();
  /** Source tables by the target that they are written to. */
  readonly #sources = new Map<string, Set<string>>();

  constructor(options: TableRegistryOptions) {
    this.#options = options;
    for (const sourceName of Object.keys(options.tables)) {
      const { objectName, schemaName } = parseQualifiedName(sourceName);
      this.#place(sourceName, schemaName, objectName);
    }
  }

  /**
   * Looks at the targets of mapped tables before the first row, as far as the map alone says what they need; the rest is looked at
   * with the first row of each. @throws HW-SINK-006, 020, 022
   */
  async assertMapped(session: TargetSession, signal: AbortSignal): Promise<void> {
    for (const sourceName of Object.keys(this.#options.tables)) {
      const { columns, key = [] } = targetOf(this.#options.tables, sourceName) ?? {};
      if (columns === undefined) continue;
      const { objectName, schemaName } = parseQualifiedName(sourceName);
      const place = this.#place(sourceName, schemaName, objectName);
      const found = await this.#readFound(place, session, signal);
      if (found !== undefined) assertMapFits({ ...place, sourceName, found, columns: Object.keys(columns), key });
      else if (this.#options.create === 'never') throw missingTable(place.targetName);
    }
  }

  /** @throws HW-SINK-029 for a target that several source tables are written to: emptying it would take the rows of all. */
  assertAlone({ sourceName, targetName }: TargetTable): void {
    const others = [...(this.#sources.get(targetName) ?? [])].filter((name) => name !== sourceName);
    if (others.length === 0) return;
    const message = `a TRUNCATE of ${sourceName} would empty ${targetName}, which ${others.join(', ')} is written to, too`;
    throw new HeadwaterError('HW-SINK-029', message, { details: { table: sourceName, target: targetName } });
  }

  /** The target if it was found since `forget`. */
  peek(source: TableSchema): TargetTable | undefined {
    return this.#known.get(source);
  }

  /** What was found in a transaction that was undone, or in another session, holds no longer. */
  forget(): void {
    this.#known = new WeakMap();
  }

  /** @throws HW-SINK-006, 020, 022, 023 when there is no target that fits. */
  async find(source: TableSchema, session: TargetSession, signal: AbortSignal): Promise<TargetTable> {
    const known = this.#known.get(source);
    if (known !== undefined) return known;
    const request = this.#request(source);
    const mirrored = await this.#readMirrored(request, session, signal);
    const isOwned = await this.#createIfMissing(request, mirrored, session, signal);
    let found = await this.#readFound(request, session, signal);
    if (found === undefined) throw missingTable(request.targetName);
    const types = await declareTypes(source.columns, session, signal);
    // What a map leaves out, it leaves out on purpose.
    const earlier = request.isMapped ? undefined : mirrored?.columns;
    const added = fitTable({ ...request, found, types, known: earlier, isOwned });
    if (added.length > 0) {
      await this.#addColumns(request, added, session, signal);
      found = (await this.#readFound(request, session, signal)) ?? found;
    }
    await this.#writeMirrored(request, isOwned, session, signal);
    const table = toTargetTable(request, found);
    this.#known.set(source, table);
    return table;
  }

  #request(source: TableSchema): Request {
    const sourceName = `${source.schemaName}.${source.tableName}`;
    const { columns, key } = targetOf(this.#options.tables, sourceName) ?? {};
    const place = this.#place(sourceName, source.schemaName, source.tableName);
    return { source, sourceName, key, isMapped: columns !== undefined, ...place };
  }

  #place(sourceName: string, sourceSchema: string, sourceTable: string): Place {
    const name = targetOf(this.#options.tables, sourceName)?.name;
    const { schemaName, objectName: tableName } =
      name === undefined ? { schemaName: sourceSchema, objectName: sourceTable } : parseQualifiedName(name);
    const targetName = quoteQualified(schemaName, tableName);
    const sources = this.#sources.get(targetName) ?? new Set<string>();
    this.#sources.set(targetName, sources.add(sourceName));
    return { schemaName, tableName, targetName };
  }

  async #readFound(request: Place, session: TargetSession, signal: AbortSignal): Promise<FoundTable | undefined> {
    const { rows } = await session.run(readTableQuery(request.schemaName, request.tableName), signal);
    if (rows[0] === undefined) return undefined;
    const found = parseFoundTable(rows[0]['found']);
    if (found.kind === 'r' || found.kind === 'p') return found;
    throw new HeadwaterError('HW-SINK-006', `${request.targetName} in the target is no table`, {
      details: { kind: found.kind },
    });
  }

  /** Returns whether the table is one that was made here. */
  async #createIfMissing(
    request: Request,
    mirrored: Mirrored | undefined,
    session: TargetSession,
    signal: AbortSignal,
  ): Promise<boolean> {
    const isThere = (await this.#readFound(request, session, signal)) !== undefined;
    if (isThere || this.#options.create === 'never') return isThere && mirrored?.isOwned === true;
    const { source, schemaName, targetName } = request;
    const types = await declareTypes(source.columns, session, signal);
    const key = sourceKey(source, request.key);
    const lines = source.columns.map((column, index) => `${quoteIdentifier(column.name)} ${types[index] ?? 'text'}`);
    if (key.length > 0) lines.push(`primary key (${key.map(quoteIdentifier).join(', ')})`);
    const subject = `making ${targetName} in the target`;
    const schema = await session.run(
      { subject, text: `select pg_catalog.to_regnamespace($1)::text as name`, values: [quoteIdentifier(schemaName)] },
      signal,
    );
    if (typeof schema.rows[0]?.['name'] !== 'string')
      await session.run({ subject, text: `create schema ${quoteIdentifier(schemaName)}` }, signal);
    await session.run({ subject, text: `create table ${targetName} (${lines.join(', ')})` }, signal);
    return true;
  }

  async #addColumns(
    request: Request,
    columns: readonly ColumnSchema[],
    session: TargetSession,
    signal: AbortSignal,
  ): Promise<void> {
    const types = await declareTypes(columns, session, signal);
    const clauses = columns.map(
      (column, index) => `add column ${quoteIdentifier(column.name)} ${types[index] ?? 'text'}`,
    );
    const text = `alter table ${request.targetName} ${clauses.join(', ')}`;
    await session.run({ subject: `adding columns to ${request.targetName} in the target`, text }, signal);
  }

  async #readMirrored(request: Request, session: TargetSession, signal: AbortSignal): Promise<Mirrored | undefined> {
    const { source, targetName } = request;
    const { rows } = await session.run(
      {
        subject: `looking up what is known of ${targetName}`,
        text: `select is_owned::text as is_owned, columns from ${this.#sqlName}
where installation = $1 and lane = $2 and source_schema = $3 and source_table = $4 and target_schema = $5 and target_table = $6`,
        values: [...this.#laneValues, source.schemaName, source.tableName, request.schemaName, request.tableName],
      },
      signal,
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const names: unknown = JSON.parse(String(row['columns']));
    const columns = Array.isArray(names) ? names.map((name) => ({ name: String(name) })) : [];
    return { isOwned: row['is_owned'] === 'true', columns };
  }

  async #writeMirrored(request: Request, isOwned: boolean, session: TargetSession, signal: AbortSignal): Promise<void> {
    const { source, schemaName, tableName, targetName } = request;
    const columns = JSON.stringify(source.columns.map(({ name }) => name));
    await session.run(
      {
        subject: `noting what is known of ${targetName}`,
        text: `insert into ${this.#sqlName} (installation, lane, source_schema, source_table, target_schema, target_table, is_owned, columns)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (installation, lane, source_schema, source_table) do update set target_schema = excluded.target_schema,
  target_table = excluded.target_table, is_owned = excluded.is_owned, columns = excluded.columns`,
        values: [
          ...this.#laneValues,
          source.schemaName,
          source.tableName,
          schemaName,
          tableName,
          String(isOwned),
          columns,
        ],
      },
      signal,
    );
  }

  get #sqlName(): string {
    return quoteQualified(this.#options.lane.schemaName, 'mirrored_table');
  }

  get #laneValues(): readonly string[] {
    return [this.#options.lane.installation, this.#options.lane.laneName];
  }
}

async function declareTypes(
  columns: readonly ColumnSchema[],
  session: TargetSession,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rows } = await session.run(declareTypesQuery(columns), signal);
  return rows.map((row) => String(row['declared']));
}

function missingTable(targetName: string): HeadwaterError {
  return new HeadwaterError('HW-SINK-006', `the table ${targetName} does not exist in the target`, {
    details: { table: targetName },
  });
}

function toTargetTable(request: Request, found: FoundTable): TargetTable {
  const { source, sourceName, targetName } = request;
  const key = targetKey({ source, sourceName, targetName, found, named: request.key });
  const columns = source.columns.map(({ name }) => {
    const sqlType = found.columns.find((column) => column.name === name)?.sqlType ?? 'pg_catalog.text';
    return { name, sqlName: quoteIdentifier(name), sqlType };
  });
  const keyIndexes = key.map((name) => source.columns.findIndex((column) => column.name === name));
  return { sourceName, targetName, sqlName: targetName, columns, keyIndexes, canFold: isFoldable(found, key) };
}
