import { HeadwaterError } from '../../../foundation/error.ts';
import type { ColumnSchema, TableSchema } from '../../../model/table-schema.ts';
import { quoteIdentifier } from '../../../postgres/quote.ts';
import { untypedOid } from './column-map.ts';
import type { FoundColumn, FoundTable } from './found-table.ts';
import { assertUniqueKey } from './target-table.ts';

/** Columns of a source table when it was last mirrored. */
export type KnownColumns = readonly Pick<ColumnSchema, 'name'>[];

/** A source table, its target, and what was known of both. */
export interface FitRequest {
  readonly source: TableSchema;
  readonly sourceName: string;
  readonly targetName: string;
  readonly found: FoundTable;
  /** Undefined: mirrored for the first time. */
  readonly known: KnownColumns | undefined;
  /** The source's columns as the target declares them, for the SQL of hints. */
  readonly types: readonly string[];
  /** Whether the table was made here, and columns may be added to it. */
  readonly isOwned: boolean;
}

/** Type oids: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat */
const textOid = 25;
const varcharOid = 1043;
const builtInOidMax = 10_000;

/** Types that hold every value of another one, and read its text as the same value. */
const widerTypes: Readonly<Record<number, readonly number[]>> = {
  21: [23, 20, 1700], // int2 → int4, int8, numeric
  23: [20, 1700], // int4 → int8, numeric
  20: [1700], // int8 → numeric
  1042: [textOid, varcharOid], // bpchar
  1043: [textOid], // varchar
  114: [3802], // json → jsonb: the value, not its spelling
};

/**
 * Compares a source table with its target column by column. Returns the columns that are to be added to a table made here.
 * @throws HW-SINK-020 naming the column that does not fit, HW-SINK-023 for a change that is not mirrored by itself.
 */
export function fitTable(request: FitRequest): readonly ColumnSchema[] {
  const { source, found, known } = request;
  assertNothingDropped(request);
  const missing: ColumnSchema[] = [];
  for (const column of source.columns) {
    const target = found.columns.find(({ name }) => name === column.name);
    if (target === undefined) missing.push(column);
    else assertColumnFits(column, target, request);
  }
  for (const target of found.columns) assertFillable(target, request);
  const [first] = missing;
  if (first === undefined || request.isOwned) return missing;
  const add = missing
    .map((column) => `add column ${quoteIdentifier(column.name)} ${typeOf(column, request)}`)
    .join(', ');
  const hint = alterTable(request, add);
  if (known === undefined) throw misfit(request, first.name, 'is missing', hint);
  throw changed(request, `column ${first.name} of ${request.sourceName} is new`, hint);
}

/** A map and its target, before a row or a description of the source has come. */
export interface MapFitRequest {
  readonly sourceName: string;
  readonly targetName: string;
  readonly found: FoundTable;
  /** Names in the target. */
  readonly columns: readonly string[];
  /** Empty: not named. */
  readonly key: readonly string[];
}

/** @throws HW-SINK-020 for a column that is missing or generated, HW-SINK-022 when nothing makes the key unique. */
export function assertMapFits({ columns, found, key, sourceName, targetName }: MapFitRequest): void {
  for (const name of columns) {
    const column = found.columns.find((one) => one.name === name);
    if (column !== undefined && !column.isGenerated) continue;
    const sqlName = quoteIdentifier(name);
    const [reason, action] =
      column === undefined
        ? ['is missing', `add column ${sqlName} text`]
        : ['is generated and cannot be written', `alter column ${sqlName} drop expression`];
    const message = `column ${name} of ${targetName} does not fit the map of ${sourceName}: it ${reason}`;
    const hint = `Run in the target: alter table ${targetName} ${action};`;
    throw new HeadwaterError('HW-SINK-020', message, { details: { table: targetName, column: name }, hint });
  }
  if (key.length > 0) assertUniqueKey({ sourceName, targetName, found, key });
}

function assertNothingDropped(request: FitRequest): void {
  const { source, found, known = [] } = request;
  for (const { name } of known) {
    if (source.columns.some((column) => column.name === name) || !found.columns.some((column) => column.name === name))
      continue;
    const drop = alterTable(request, `drop column ${quoteIdentifier(name)}`);
    const [added, ...others] = source.columns.filter((column) =>
      found.columns.every((has) => has.name !== column.name),
    );
    const isPerhapsRenamed = added !== undefined && others.length === 0;
    const rename = isPerhapsRenamed
      ? ` -- or, if it was renamed: alter table ${request.targetName} rename column ${quoteIdentifier(name)} to ${quoteIdentifier(added.name)};`
      : '';
    throw changed(request, `column ${name} of ${request.sourceName} is gone`, `${drop}${rename}`);
  }
}

function assertColumnFits(column: ColumnSchema, target: FoundColumn, request: FitRequest): void {
  const name = quoteIdentifier(column.name);
  if (target.isGenerated) {
    const hint = alterTable(request, `alter column ${name} drop expression`);
    throw misfit(request, column.name, 'is generated and cannot be written', hint);
  }
  const reason = explainMisfit(column, target);
  if (reason === undefined) return;
  const isKnown = request.known?.some(({ name }) => name === column.name) === true;
  const type = typeOf(column, request);
  const hint = alterTable(request, `alter column ${name} type ${type} using ${name}::text::${type}`);
  if (isKnown) throw changed(request, `column ${column.name} of ${request.sourceName} ${reason}`, hint);
  throw misfit(request, column.name, reason, hint);
}

/** Undefined: every value of the source fits. */
function explainMisfit(source: ColumnSchema, target: FoundColumn): string | undefined {
  const isUnlimited = target.typeModifier === -1;
  if (source.typeOid === untypedOid) return undefined;
  if (target.typeOid === textOid || (target.typeOid === varcharOid && isUnlimited)) return undefined;
  // Types of extensions and users have another oid in each database: the server reads the text, or refuses it.
  if (source.typeOid >= builtInOidMax) {
    return target.typeOid >= builtInOidMax
      ? undefined
      : `has a type of its own in the source and ${target.typeText} in the target`;
  }
  if (target.typeOid === source.typeOid) {
    if (isUnlimited || target.typeModifier === source.typeModifier) return undefined;
    return `has another length or precision in the source than ${target.typeText}`;
  }
  if (isUnlimited && widerTypes[source.typeOid]?.includes(target.typeOid) === true) return undefined;
  return `has the type oid ${source.typeOid} in the source and ${target.typeText} in the target`;
}

function assertFillable(target: FoundColumn, request: FitRequest): void {
  if (!target.isRequired || request.source.columns.some(({ name }) => name === target.name)) return;
  const hint = alterTable(request, `alter column ${quoteIdentifier(target.name)} drop not null`);
  throw misfit(request, target.name, 'must be filled, and the source has no such column', hint);
}

function typeOf(column: ColumnSchema, { source, types }: FitRequest): string {
  return types[source.columns.indexOf(column)] ?? 'text';
}

/** SQL that can be run as it stands. */
function alterTable({ targetName }: FitRequest, action: string): string {
  return `Run in the target: alter table ${targetName} ${action};`;
}

function misfit(request: FitRequest, column: string, reason: string, hint: string): HeadwaterError {
  const message = `column ${column} of ${request.targetName} does not fit ${request.sourceName}: it ${reason}`;
  const details = { table: request.targetName, column };
  return new HeadwaterError('HW-SINK-020', message, { details, hint });
}

function changed(request: FitRequest, message: string, hint: string): HeadwaterError {
  return new HeadwaterError('HW-SINK-023', message, {
    details: { table: request.sourceName, target: request.targetName },
    hint,
  });
}
