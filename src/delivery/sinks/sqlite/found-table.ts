import { type Affinity, affinityOf } from './column-type.ts';
import type { SqliteSession } from './sqlite-session.ts';

/** A column as the database has it. */
export interface FoundColumn {
  readonly name: string;
  /** As declared. */
  readonly type: string;
  readonly affinity: Affinity;
  /** NOT NULL, and nobody but the writer can fill it. */
  readonly isRequired: boolean;
  readonly isGenerated: boolean;
}

/** A table as the database has it. */
export interface FoundTable {
  /** `table`, `view`, `virtual`, `shadow`. */
  readonly kind: string;
  readonly columns: readonly FoundColumn[];
  /** The columns of each unique index that covers all rows and compares bytes. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly primaryKey: readonly string[];
}

const tableText = 'select name, type, strict from pragma_table_list where schema = ? and name = ? collate nocase';
const columnsText = 'select name, type, "notnull" as required, dflt_value, pk, hidden from pragma_table_xinfo(?)';
const keysText = `select l.name as name, l.origin as origin, l.partial as partial,
  (select json_group_array(x.name order by x.seqno) from pragma_index_xinfo(l.name) x where x.key = 1) as columns,
  (select count(*) from pragma_index_xinfo(l.name) x where x.key = 1 and (x.cid < 0 or x.coll <> 'BINARY')) as odd
from pragma_index_list(?) l where l."unique" = 1`;
/** Undefined when there is none of that name. */
export function readFoundTable(session: SqliteSession, name: string): FoundTable | undefined {
  const subject = `looking at the table ${name}`;
  const [table] = session.all(subject, tableText, ['main', name]);
  if (table === undefined) return undefined;
  const isStrict = Number(table['strict']) === 1;
  const columns = session.all(subject, columnsText, [name]);
  const keys = session.all(subject, keysText, [name]);
  const plainKeys = keys.filter((key) => Number(key['partial']) === 0 && Number(key['odd']) === 0);
  const primaryKey = columns
    .filter(({ pk }) => Number(pk) > 0)
    .toSorted((left, right) => Number(left['pk']) - Number(right['pk']))
    .map((column) => String(column['name']));
  // INTEGER PRIMARY KEY is the table itself, without an index.
  const isRowId = primaryKey.length > 0 && keys.every(({ origin }) => origin !== 'pk');
  return {
    kind: String(table['type']),
    columns: columns.map((column) => ({
      name: String(column['name']),
      type: String(column['type']),
      affinity: affinityOf(String(column['type']), isStrict),
      isRequired: Number(column['required']) === 1 && column['dflt_value'] === null && Number(column['hidden']) === 0,
      isGenerated: Number(column['hidden']) > 1,
    })),
    uniqueKeys: [...plainKeys.map((key) => parseNames(key['columns'])), ...(isRowId ? [primaryKey] : [])],
    primaryKey,
  };
}

function parseNames(text: unknown): readonly string[] {
  const names: unknown = JSON.parse(String(text));
  return Array.isArray(names) ? names.map(String) : [];
}
