import { HeadwaterError } from '../../../foundation/error.ts';
import type { ColumnSchema, TableSchema } from '../../../model/table-schema.ts';
import { quoteIdentifier } from '../../../postgres/quote.ts';
import type { MirrorTable } from '../../row-effect.ts';
import { sourceKey } from '../../source-key.ts';
import { declareType, findEncoder, type ValueEncoder } from './column-type.ts';
import type { FoundColumn, FoundTable } from './found-table.ts';

/** A column of the target and how values are written to it. */
export interface TargetColumn {
  readonly sqlName: string;
  readonly encode: ValueEncoder;
}

/** A table of the database that one version of a source table is written to. Columns are in the order of the source row. */
export interface TargetTable extends MirrorTable {
  readonly targetName: string;
  readonly sqlName: string;
  readonly columns: readonly TargetColumn[];
}

/** A source table, its target, and what was known of both. */
export interface FitRequest {
  readonly source: TableSchema;
  readonly sourceName: string;
  readonly targetName: string;
  readonly found: FoundTable;
  /** Columns of the source when it was last mirrored; undefined: for the first time. */
  readonly known: readonly string[] | undefined;
  /** Whether the table was made here, and columns may be added to it. */
  readonly isOwned: boolean;
  /** Key columns that the user named. */
  readonly key: readonly string[] | undefined;
}

/** A column as a table made here declares it. Pure. */
export function declareColumn({ name, typeOid }: ColumnSchema): string {
  return `${quoteIdentifier(name)} ${declareType(typeOid)}`;
}

/**
 * Compares a source table with its target column by column. Returns the columns that are to be added to a table made here. Pure.
 * @throws HW-SINK-020 naming the column that does not fit, HW-SINK-023 for a change that is not mirrored by itself
 */
export function fitTable(request: FitRequest): readonly ColumnSchema[] {
  const { source, found, known, isOwned, targetName } = request;
  assertNothingDropped(request);
  const missing: ColumnSchema[] = [];
  for (const column of source.columns) {
    const target = findColumn(found, column.name);
    if (target === undefined) missing.push(column);
    else assertColumnFits(request, column, target);
  }
  for (const target of found.columns)
    if (target.isRequired && !source.columns.some(({ name }) => isSameName(name, target.name)))
      throw misfit(request, target.name, 'must be filled, and the source has no such column');
  const [first] = missing;
  if (first === undefined || isOwned) return missing;
  const hint = missing
    .map((column) => `alter table ${quoteIdentifier(targetName)} add column ${declareColumn(column)};`)
    .join(' ');
  if (known === undefined) throw misfit(request, first.name, 'is missing', `Run in the database: ${hint}`);
  throw changed(request, `column ${first.name} of ${request.sourceName} is new`, hint);
}

function assertNothingDropped(request: FitRequest): void {
  const { source, found, known = [], targetName } = request;
  const gone = known.find(
    (name) => !source.columns.some((column) => column.name === name) && findColumn(found, name) !== undefined,
  );
  if (gone === undefined) return;
  const hint = `alter table ${quoteIdentifier(targetName)} drop column ${quoteIdentifier(gone)}; -- or rename it, if the source renamed it`;
  throw changed(request, `column ${gone} of ${request.sourceName} is gone`, hint);
}

function assertColumnFits(request: FitRequest, column: ColumnSchema, target: FoundColumn): void {
  if (target.isGenerated) throw misfit(request, target.name, 'is generated in the target');
  if (findEncoder(column.typeOid, target.affinity) !== undefined) return;
  const type = target.type === '' ? 'no type' : `the type ${target.type}`;
  const reason = `has ${type}, which would change values; ${declareType(column.typeOid)} or TEXT keeps them`;
  throw misfit(request, target.name, reason);
}

/**
 * The target of a source table that fits. Pure.
 * @throws HW-SINK-022 when it has no unique index on exactly the key
 */
export function toTargetTable(request: FitRequest): TargetTable {
  const { source, sourceName, targetName, found } = request;
  const key = targetKey(request);
  const columns = source.columns.map(({ name, typeOid }) => {
    const affinity = findColumn(found, name)?.affinity ?? 'text';
    return { sqlName: quoteIdentifier(name), encode: findEncoder(typeOid, affinity) ?? ((text: string) => text) };
  });
  const keyIndexes = key.map((name) => source.columns.findIndex((column) => isSameName(column.name, name)));
  return { sourceName, targetName, sqlName: quoteIdentifier(targetName), columns, keyIndexes };
}

function targetKey({ source, sourceName, targetName, found, key: named }: FitRequest): readonly string[] {
  const key = sourceKey(source, named);
  if (key.length === 0 && source.replicaIdentity === 'full') {
    const isWhole = found.primaryKey.every((name) => source.columns.some((column) => isSameName(column.name, name)));
    return isWhole ? found.primaryKey : [];
  }
  if (key.length === 0 || found.uniqueKeys.some((columns) => isSameSet(columns, key))) return key;
  const list = key.map(quoteIdentifier).join(', ');
  throw new HeadwaterError('HW-SINK-022', `${targetName} has no unique index on (${list}), the key of ${sourceName}`, {
    details: { table: targetName },
    hint: `Run in the database: create unique index ${quoteIdentifier(`${targetName}_key`)} on ${quoteIdentifier(targetName)} (${list});`,
  });
}

function findColumn(found: FoundTable, name: string): FoundColumn | undefined {
  return found.columns.find((column) => isSameName(column.name, name));
}

/** SQLite does not tell upper from lower case in names. */
function isSameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.some((other) => isSameName(name, other)));
}

function misfit(request: FitRequest, column: string, reason: string, hint?: string): HeadwaterError {
  const message = `column ${column} of ${request.targetName} does not fit ${request.sourceName}: it ${reason}`;
  const details = { table: request.targetName, column };
  return new HeadwaterError('HW-SINK-020', message, hint === undefined ? { details } : { details, hint });
}

function changed({ sourceName, targetName }: FitRequest, message: string, sql: string): HeadwaterError {
  const details = { table: sourceName, target: targetName };
  return new HeadwaterError('HW-SINK-023', message, { details, hint: `Run in the database: ${sql}` });
}
