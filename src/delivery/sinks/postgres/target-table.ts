import { HeadwaterError } from '../../../foundation/error.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { quoteIdentifier } from '../../../postgres/quote.ts';
import type { FoldableTable } from '../../plan-operations.ts';
import { sourceKey } from '../../source-key.ts';
import type { FoundTable } from './found-table.ts';

/** A column of the target and how values are cast to it. */
export interface TargetColumn {
  readonly name: string;
  readonly sqlName: string;
  readonly sqlType: string;
}

/** A table of the target that one version of a source table is written to. Columns are in the order of the source row. */
export interface TargetTable extends FoldableTable {
  /** For messages. */
  readonly targetName: string;
  readonly sqlName: string;
  readonly columns: readonly TargetColumn[];
}

/** A source table and its target. */
export interface KeyRequest {
  readonly source: TableSchema;
  readonly sourceName: string;
  readonly targetName: string;
  readonly found: FoundTable;
  readonly named: readonly string[] | undefined;
}

/**
 * The key by which rows are found in the target. With REPLICA IDENTITY FULL, which names none, it is the target's own primary
 * key, as far as the source has its columns.
 * @throws HW-SINK-022 when the target has no unique index on exactly the key.
 */
export function targetKey({ source, sourceName, targetName, found, named }: KeyRequest): readonly string[] {
  const columnNames = new Set(source.columns.map(({ name }) => name));
  const unknown = named?.find((name) => !columnNames.has(name));
  if (unknown !== undefined) {
    throw new HeadwaterError('HW-SINK-012', `the key column ${unknown} of ${sourceName} does not exist`, {
      details: { column: unknown },
    });
  }
  const key = sourceKey(source, named);
  if (key.length === 0 && source.replicaIdentity === 'full') {
    const primary = found.uniqueKeys.find(({ isPrimary, isPlain }) => isPrimary && isPlain)?.columns ?? [];
    return primary.every((name) => columnNames.has(name)) ? primary : [];
  }
  if (key.length > 0) assertUniqueKey({ sourceName, targetName, found, key });
  return key;
}

/** @throws HW-SINK-022 when the target has no unique index on exactly these columns. */
export function assertUniqueKey({
  sourceName,
  targetName,
  found,
  key,
}: Pick<KeyRequest, 'sourceName' | 'targetName' | 'found'> & { readonly key: readonly string[] }): void {
  if (found.uniqueKeys.some(({ columns, isPlain }) => isPlain && isSameSet(columns, key))) return;
  const list = key.map(quoteIdentifier).join(', ');
  throw new HeadwaterError('HW-SINK-022', `${targetName} has no unique index on (${list}), the key of ${sourceName}`, {
    details: { table: targetName },
    hint: `Run in the target: create unique index on ${targetName} (${list});`,
  });
}

/** Whether only the last state of each row matters in the target: see `FoldableTable.canFold`. */
export function isFoldable(found: FoundTable, key: readonly string[]): boolean {
  return found.watcherCount === 0 && found.uniqueKeys.every(({ columns }) => key.length > 0 && isSameSet(columns, key));
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}
