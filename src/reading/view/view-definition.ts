import { HeadwaterError } from '../../foundation/error.ts';

/** A row of a view: the values as PostgreSQL writes them as text, or null. Frozen; a changed row is another object. */
export type ViewRow<Column extends string = string> = Readonly<Record<Column, string | null>>;

/** A value that is kept up to date with the rows of a table: `remove` takes back what `add` did for the same row. */
export interface ViewAggregate<Row, Value> {
  /** The value without rows. */
  readonly initial: Value;
  /** Pure: gives the next value and changes nothing. */
  add(value: Value, row: Row): Value;
  /** Pure. Called for a row that goes; a row that changes goes and comes. */
  remove(value: Value, row: Row): Value;
}

/** How a table is held. */
export interface ViewTableOptions<Column extends string, Index extends string, Values> {
  /** The table in the source: `accounts` is `public.accounts`. */
  readonly source: string;
  /** The columns that are held; each must be in the table. Others take no memory. */
  readonly columns: readonly Column[];
  /**
   * What tells rows apart. Default: the replica identity, which is the primary key. Needed with REPLICA IDENTITY FULL. May
   * name columns that are not held.
   */
  readonly key?: readonly string[];
  /** The values of rows that were written when the table did not have the column yet. Default: such a row is refused. */
  readonly absent?: Readonly<Partial<Record<Column, string | null>>>;
  /** Further ways to find rows, by the text that a pure function gives for a row; null leaves the row out. */
  readonly indexes?: { readonly [Name in Index]: (row: ViewRow<Column>) => string | null };
  readonly aggregates?: { readonly [Name in keyof Values]: ViewAggregate<ViewRow<Column>, Values[Name]> };
}

/** A table of a view as `viewTable` made it. */
export interface ViewTableDefinition<Row = object, Index extends string = string, Values = object> {
  /** `schema.table`. */
  readonly source: string;
  readonly columns: readonly string[];
  readonly key: readonly string[] | undefined;
  readonly absent: ReadonlyMap<string, string | null>;
  readonly indexes: ReadonlyMap<string, (row: ViewRow) => unknown>;
  readonly aggregates: ReadonlyMap<string, ViewAggregate<ViewRow, unknown>>;
  /** For the compiler alone. */
  readonly types?: { readonly row: Row; readonly index: Index; readonly values: Values };
}

/**
 * Describes how a view holds a table. The types of rows, indexes and aggregates follow from the options.
 * @throws HW-VIEW-012
 */
export function viewTable<
  const Column extends string,
  const Index extends string = never,
  Values extends object = Record<never, never>,
>(options: ViewTableOptions<Column, Index, Values>): ViewTableDefinition<ViewRow<Column>, Index, Values> {
  const { source, columns, key, absent, indexes, aggregates } = options;
  assertNames('columns', columns, source);
  if (key !== undefined) assertNames('key', key, source);
  for (const column of Object.keys(absent ?? {})) assertHeld(column, columns, source);
  return {
    source: qualify(source),
    columns,
    key,
    absent: new Map(
      Object.entries<string | null | undefined>(absent ?? {}).map(([name, value]) => [name, value ?? null]),
    ),
    indexes: erased<(row: ViewRow) => unknown>(indexes),
    aggregates: erased<ViewAggregate<ViewRow, unknown>>(aggregates),
  };
}

function qualify(source: string): string {
  if (!/^[^.]+(\.[^.]+)?$/.test(source)) {
    throw new HeadwaterError('HW-VIEW-012', `source "${source}" is not a table or schema.table`);
  }
  return source.includes('.') ? source : `public.${source}`;
}

function assertNames(option: string, names: readonly string[], source: string): void {
  const isUsable = names.every((name) => name !== '' && name !== '__proto__');
  if (names.length > 0 && new Set(names).size === names.length && isUsable) return;
  throw new HeadwaterError(
    'HW-VIEW-012',
    `${option} of ${source} is empty, names a column twice, or has a name that no row can have`,
  );
}

function assertHeld(column: string, columns: readonly string[], source: string): void {
  if (columns.includes(column)) return;
  throw new HeadwaterError('HW-VIEW-012', `absent of ${source} has "${column}", which is not among the columns`);
}

/** The rows that the view makes have these columns, whatever their type is called. */
function erased<Part>(named: object | undefined): ReadonlyMap<string, Part> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the functions are only given rows of the table's own columns.
  return new Map(Object.entries(named ?? {}) as [string, Part][]);
}
