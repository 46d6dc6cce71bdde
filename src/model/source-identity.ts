/**
 * Why rows may be missing: the table held rows when Headwater created the slot; the slot is older than the journal, so
 * nobody knows; the table was published later and held rows when that was noticed; what is published of it was altered,
 * or it was left out for a while, so that changes in between may be missing; or a lane was added that begins with a copy.
 */
export type UncopiedReason =
  | 'held-rows-at-start'
  | 'journal-begins-later'
  | 'published-later'
  | 'publication-altered'
  | 'lane-added';

/**
 * A published table that may have held rows before the recorded history began. Those rows are not in the journal, so a
 * copy made from it alone is not complete.
 */
export interface UncopiedTable {
  readonly schemaName: string;
  readonly tableName: string;
  /** The planner's estimate, at least 1; -1 when PostgreSQL has none. */
  readonly rowEstimate: number;
  readonly reason: UncopiedReason;
  /** The lanes that lack them; undefined: all. */
  readonly lanes?: readonly string[] | undefined;
}

/** How far the copy of an uncopied table has come: what a snapshot goes on behind. */
export interface CopyProgress {
  readonly schemaName: string;
  readonly tableName: string;
  readonly lanes?: readonly string[] | undefined;
  /** The values of the table's key, as text, of the last row that was copied. */
  readonly lastKey: readonly string[];
  /**
   * The same of the table's last row when the copy began. What lies behind it was inserted, or moved there, since then: the
   * stream has it. Absent: nothing was copied yet, or the table has no key.
   */
  readonly endKey?: readonly string[] | undefined;
  readonly rowCount: number;
  /**
   * Keys of rows that an UPDATE moved to where the copy may have been already, while a value of theirs that is stored out of
   * line was left as it was and not sent: they are read with the next chunks. Values of the key's columns in the order of the
   * table's columns, as text.
   */
  readonly movedKeys?: readonly (readonly string[])[] | undefined;
}

/** How a copy for one lane is named where it was asked for. A lane that was made anew under its name began somewhere else. */
export function copyRequestName(lane: string, origin: bigint | string): string {
  return `${lane} ${origin}`;
}

/** Whether two stand for the same copy: the same table for the same lanes. */
export function isSameCopy(
  left: Pick<CopyProgress, 'schemaName' | 'tableName' | 'lanes'>,
  right: Pick<CopyProgress, 'schemaName' | 'tableName' | 'lanes'>,
): boolean {
  return (
    left.schemaName === right.schemaName &&
    left.tableName === right.tableName &&
    left.lanes?.join('\n') === right.lanes?.join('\n')
  );
}

/**
 * What a stream of changes comes from. A slot has no identity of its own in PostgreSQL, so the journal records these facts
 * and capture compares them at each start and reconnect. A change of any of them is a refusal or an explicit hand-over.
 */
export interface SourceIdentity {
  /** `system_identifier` of the cluster. */
  readonly systemId: string;
  readonly timeline: number;
  readonly databaseName: string;
  readonly databaseOid: number;
  readonly slotName: string;
  readonly publicationNames: readonly string[];
  /** `pg_publication.oid`, in the order of the names: a publication that was dropped and made again has another one. */
  readonly publicationOids: readonly number[];
  /** The settings of the replication session that decide how values are written as text. */
  readonly sessionSettings: Readonly<Record<string, string>>;
  /** The published tables when this identity was recorded, `schema.table`, sorted. */
  readonly tables: readonly string[];
  /**
   * How each of these tables, and each that was published before, was published last, as a digest: another one means that
   * it was dropped from the publication and added again, or that kinds of changes, rows or columns were left out. Undefined
   * in journals before this was recorded.
   */
  readonly publishedAs?: Readonly<Record<string, string>> | undefined;
  /** Tables whose earlier rows the history lacks, as far as it was known when this identity was recorded. */
  readonly uncopiedTables: readonly UncopiedTable[];
  /** Lanes that a copy was asked for, so that it is asked for once. */
  readonly copiedLanes?: readonly string[] | undefined;
  /** Sequence of the last chunk of the last copy that was finished: a lane behind it lacks rows still. */
  readonly copiedThrough?: string | undefined;
}
