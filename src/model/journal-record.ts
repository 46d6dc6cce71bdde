import type { DomainEvent } from './domain-event.ts';
import type { Row } from './row.ts';
import type { TableSchema } from './table-schema.ts';

interface RecordPlace {
  /** The record's place in its transaction, from 0, over all records. Together with the transaction's position it is unique. */
  readonly ordinal: number;
}

/** A row that came. */
export interface InsertChange extends RecordPlace {
  readonly kind: 'insert';
  readonly table: TableSchema;
  readonly after: Row;
}

/** A row as a snapshot found it: it is this one from here on, whether or not it was there before. */
export interface ReadChange extends RecordPlace {
  readonly kind: 'read';
  readonly table: TableSchema;
  readonly after: Row;
  /** The lanes that it is for; undefined: all. */
  readonly lanes?: readonly string[] | undefined;
}

/** A row that changed. */
export interface UpdateChange extends RecordPlace {
  readonly kind: 'update';
  readonly table: TableSchema;
  /** The old key when it changed, the whole old row with replica identity FULL, else absent. Non-key values of a key are null. */
  readonly before?: Row;
  readonly beforeKind: 'none' | 'key' | 'full';
  readonly after: Row;
}

/** A row that went. */
export interface DeleteChange extends RecordPlace {
  readonly kind: 'delete';
  readonly table: TableSchema;
  readonly before: Row;
  readonly beforeKind: 'key' | 'full';
}

/** One TRUNCATE statement: all its tables at once. */
export interface TruncateChange extends RecordPlace {
  readonly kind: 'truncate';
  readonly tables: readonly TableSchema[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
  /** The lanes that it is for, where a copy begins with it; undefined: all. */
  readonly lanes?: readonly string[] | undefined;
}

/** A change of one row. */
export type RowChange = InsertChange | ReadChange | UpdateChange | DeleteChange;
/** A change of rows. */
export type Change = RowChange | TruncateChange;

/** A domain event at its place among the changes of its transaction. */
export interface EventRecord extends RecordPlace {
  readonly kind: 'event';
  readonly event: DomainEvent;
}

/** What a transaction consists of, in the order of its writes. */
export type JournalRecord = Change | EventRecord;
