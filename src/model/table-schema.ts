/** How PostgreSQL names the old row of an UPDATE or DELETE. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

/** A column as a RELATION message describes it. */
export interface ColumnSchema {
  readonly name: string;
  /** `pg_type.oid`. Built-in types have the same oid in every database. */
  readonly typeOid: number;
  /** `atttypmod`: length, precision and scale; -1 for none. */
  readonly typeModifier: number;
  /** Part of the replica identity. */
  readonly isKey: boolean;
}

/** A table as a RELATION message described it at that place in the stream, never as today's catalog has it. */
export interface TableSchema {
  readonly relationId: number;
  readonly schemaName: string;
  readonly tableName: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly ColumnSchema[];
}
