import type { TableSchema } from '../../../model/table-schema.ts';
import type { SnapshotCut } from './snapshot-cut.ts';

/** A table as the snapshot's transaction sees it, and how its rows are walked through. */
export interface CopyTable {
  /** Only the published columns, in the order in which their values come. */
  readonly table: TableSchema;
  /** The columns that the walk is ordered by; empty when no key tells rows apart. */
  readonly keyColumns: readonly KeyColumn[];
  /** A publication's row filter as SQL; undefined: none. */
  readonly rowFilter: string | undefined;
  /** Partitions are read through their root; other tables without those that inherit from them. */
  readonly isPartitioned: boolean;
  readonly rowEstimate: number;
  readonly maySelect: boolean;
  /** Policies of row-level security are in force for the role. */
  readonly hidesRows: boolean;
}

/** A column of the key. */
export interface KeyColumn {
  readonly name: string;
  /** Place among the published columns. */
  readonly index: number;
  /** Qualified name of its type, without a length. */
  readonly typeName: string;
  readonly operators: KeyOperators;
}

/** How the index of the key compares its values: `operator(schema.>)`. */
export interface KeyOperators {
  readonly below: string;
  readonly notAbove: string;
  readonly equal: string;
  readonly notBelow: string;
  readonly above: string;
}

/** A part of a table by its key. */
export interface KeyRange {
  /** Rows behind it; empty: from the first one on. */
  readonly after: readonly string[];
  /** And none behind this one; undefined: to the end. */
  readonly through: readonly string[] | undefined;
}

/** Rows as they came: whole CopyData messages, in runs that lie behind each other. */
export interface CopiedRows {
  readonly slices: readonly Uint8Array[];
  readonly rowCount: number;
  readonly byteCount: number;
  /** The last line without its line feed; undefined when there is no row. */
  readonly lastLine: Uint8Array | undefined;
}

/** A snapshot that was just taken. */
export interface TakenSnapshot {
  readonly cut: SnapshotCut;
  /** By which other sessions see the same. */
  readonly snapshotId: string;
  /** The server's clock, microseconds since 1970. */
  readonly readTimeMicros: bigint;
}

/**
 * A session that reads tables for a snapshot: one short read-only transaction for each chunk. One caller, one call at a time.
 * Every method throws HW-SOURCE codes of the connection.
 */
export interface SnapshotSession {
  /** Begins a transaction and takes its snapshot. */
  take(): Promise<TakenSnapshot>;
  /** Begins a transaction that sees what the one of `snapshotId` does, which is still open. */
  join(snapshotId: string): Promise<void>;
  /** Tables by `schema.table`, as the open transaction sees them; those that are not published any more are missing. */
  describe(names: readonly string[], publicationNames: readonly string[]): Promise<ReadonlyMap<string, CopyTable>>;
  /** The rows of a range in the order of the key, at most `limit`. */
  copy(table: CopyTable, range: KeyRange, limit: number): Promise<CopiedRows>;
  /** The row with the highest key; none when the table is empty. */
  copyLast(table: CopyTable): Promise<CopiedRows>;
  /** The rows with these keys that are still there. Keys as in `CopyProgress.movedKeys`. */
  copyByKeys(table: CopyTable, keys: readonly (readonly string[])[]): Promise<CopiedRows>;
  /** Ends the transaction. Idempotent. */
  end(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Opens one. */
export type SnapshotConnector = (signal: AbortSignal | undefined) => Promise<SnapshotSession>;
