import type { SinkContext } from '../../delivery/sink.ts';
import type { TransactionHeader } from '../../model/transaction.ts';

/** A table of which a view may lack rows. */
export interface IncompleteViewTable {
  /** `schema.table`. */
  readonly table: string;
  /**
   * `not-copied`: older rows are not in the journal, or their copy has not come to its end. `journal-begins-later`: the lane
   * began behind the beginning of the journal.
   */
  readonly reason: 'not-copied' | 'journal-begins-later';
}

/** What a lane tells a view of copies of older rows. */
export type CopyFacts = Pick<SinkContext, 'beganLater' | 'copiedThrough' | 'lacksRows' | 'uncopiedTables'>;

/** The last transaction that a view shows, as far as it tells of copies. */
export type CopyPlace = Pick<TransactionHeader, 'copiedLanes' | 'sequence' | 'uncopiedTables'>;

/**
 * The tables of which rows may be missing behind `last`. Pure.
 *
 * Each transaction tells what the history before it lacks. Of the last one of a copy this is no longer so once the copy is
 * recorded as whole: until another transaction comes, the source is asked. Before the first transaction it is asked, too.
 */
export function listIncomplete(
  tables: readonly string[],
  last: CopyPlace | undefined,
  { beganLater, copiedThrough, lacksRows, uncopiedTables }: CopyFacts,
): readonly IncompleteViewTable[] {
  if (beganLater === true) return tables.map((table) => ({ table, reason: 'journal-begins-later' }));
  const isAskedNow = last === undefined || last.sequence === copiedThrough?.();
  const place = isAskedNow ? { copiedLanes: last?.copiedLanes, uncopiedTables: uncopiedTables?.() } : last;
  return tables.flatMap((table): IncompleteViewTable[] => {
    const [schemaName = '', tableName = ''] = table.split('.');
    return lacksRows?.({ schemaName, tableName }, place) === true ? [{ table, reason: 'not-copied' }] : [];
  });
}
