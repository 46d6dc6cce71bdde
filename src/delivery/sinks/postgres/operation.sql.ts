import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type Row, unchanged } from '../../../model/row.ts';
import type { RowOperation } from '../../plan-operations.ts';
import type { TargetTable } from './target-table.ts';
import type { TargetQuery } from './target-session.ts';
import { encodeTextArray } from './text-array.ts';

/*
 * Values travel as text, one array for each column, and the server reads them by the input function of the column's own type:
 * no number passes through a float. The casts carry no length, so that a value that is too long is refused and never cut.
 */

/** The statement of an operation. */
export function operationQuery(operation: RowOperation<TargetTable>): TargetQuery {
  switch (operation.kind) {
    case 'upsert':
      return insertQuery(operation.table, operation.rows, 'keyed');
    case 'append':
      return insertQuery(operation.table, operation.rows, 'keyless');
    case 'delete':
      return deleteQuery(operation.table, operation.keys);
    case 'update':
      return updateQuery(operation);
    case 'truncate':
      return truncateQuery(operation);
    default:
      return unreachable(operation);
  }
}

function insertQuery(table: TargetTable, rows: readonly Row[], form: 'keyed' | 'keyless'): TargetQuery {
  const names = table.columns.map(({ sqlName }) => sqlName).join(', ');
  const values = table.columns.map(({ sqlType }, index) => `r.c${index}::${sqlType}`).join(', ');
  const text = `insert into ${table.sqlName} (${names}) overriding system value select ${values} from ${rowSource(table.columns.length)}`;
  return {
    subject: `writing ${rows.length} row(s) of ${table.sourceName} to ${table.targetName}`,
    text: form === 'keyed' ? `${text} ${conflictClause(table)}` : text,
    values: table.columns.map((_, index) => encodeTextArray(columnValues(rows, index))),
  };
}

function conflictClause(table: TargetTable): string {
  const isKey = (index: number): boolean => table.keyIndexes.includes(index);
  const keyNames = table.columns.filter((_, index) => isKey(index)).map(({ sqlName }) => sqlName);
  const others = table.columns.filter((_, index) => !isKey(index));
  if (others.length === 0) return `on conflict (${keyNames.join(', ')}) do nothing`;
  const assignments = others.map(({ sqlName }) => `${sqlName} = excluded.${sqlName}`);
  return `on conflict (${keyNames.join(', ')}) do update set ${assignments.join(', ')}`;
}

function deleteQuery(table: TargetTable, keys: readonly (readonly string[])[]): TargetQuery {
  return {
    subject: `deleting ${keys.length} row(s) of ${table.sourceName} from ${table.targetName}`,
    text: `delete from ${table.sqlName} as t using ${rowSource(table.keyIndexes.length)} where ${keyCondition(table)}`,
    values: table.keyIndexes.map((_, index) => encodeTextArray(columnValues(keys, index))),
  };
}

/** The division by zero undoes the transaction when a row is missing: the reply would come too late to stop the COMMIT. */
function updateQuery(operation: Extract<RowOperation<TargetTable>, { kind: 'update' }>): TargetQuery {
  const { table, keys, rows } = operation;
  const changed = operation.columnIndexes.filter(
    (index) => !table.keyIndexes.includes(index) || changesKey(operation, index),
  );
  const offset = table.keyIndexes.length;
  const assignments = changed.map((column, index) => {
    const { sqlName, sqlType } = columnAt(table, column);
    return `${sqlName} = r.c${offset + index}::${sqlType}`;
  });
  const source = `${rowSource(offset + changed.length)} where ${keyCondition(table)}`;
  // An UPDATE that left every value as it was still asks for its row.
  const change =
    changed.length === 0
      ? `select 1 from ${table.sqlName} as t, ${source}`
      : `update ${table.sqlName} as t set ${assignments.join(', ')} from ${source} returning 1`;
  return {
    subject: `changing ${rows.length} row(s) of ${table.sourceName} in ${table.targetName}`,
    text:
      operation.mayBeMissing === true
        ? change
        : `with changed as (${change})
select 1 / (case when count(*) = ${rows.length} then 1 else 0 end) from changed`,
    values: [
      ...table.keyIndexes.map((_, index) => encodeTextArray(columnValues(keys, index))),
      ...changed.map((column) => encodeTextArray(columnValues(rows, column))),
    ],
    explain: (sqlState) =>
      sqlState === '22012'
        ? new HeadwaterError(
            'HW-SINK-024',
            `a row of ${table.sourceName} that an UPDATE changes in part is not in ${table.targetName}`,
            {
              details: { table: table.sourceName },
            },
          )
        : undefined,
  };
}

function changesKey(
  { table, keys, rows }: Extract<RowOperation<TargetTable>, { kind: 'update' }>,
  column: number,
): boolean {
  const place = table.keyIndexes.indexOf(column);
  return rows.some((row, index) => row[column] !== keys[index]?.[place]);
}

function truncateQuery(operation: Extract<RowOperation<TargetTable>, { kind: 'truncate' }>): TargetQuery {
  const names = operation.tables.map(({ sqlName }) => sqlName).join(', ');
  return {
    subject: `truncating ${operation.tables.map(({ targetName }) => targetName).join(', ')}`,
    text: `truncate table ${names}${operation.restartIdentity ? ' restart identity' : ''}`,
  };
}

function rowSource(columnCount: number): string {
  const indexes = Array.from({ length: columnCount }, (_, index) => index);
  return `unnest(${indexes.map((index) => `$${index + 1}::text[]`).join(', ')}) as r(${indexes.map((index) => `c${index}`).join(', ')})`;
}

function keyCondition(table: TargetTable): string {
  return table.keyIndexes
    .map((column, index) => {
      const { sqlName, sqlType } = columnAt(table, column);
      return `t.${sqlName} = r.c${index}::${sqlType}`;
    })
    .join(' and ');
}

function columnAt(table: TargetTable, index: number): TargetTable['columns'][number] {
  const column = table.columns[index];
  if (column === undefined)
    throw new HeadwaterError('HW-INTERNAL-002', `table ${table.sourceName} has no column ${index}`);
  return column;
}

function columnValues(rows: readonly Row[], index: number): (string | null)[] {
  return rows.map((row) => {
    const value = row[index];
    return value === undefined || value === unchanged ? null : value;
  });
}
