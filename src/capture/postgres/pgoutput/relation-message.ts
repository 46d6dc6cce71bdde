import type { ColumnSchema, ReplicaIdentity, TableSchema } from '../../../model/table-schema.ts';
import type { MessageReader } from './message-reader.ts';

const identities: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' };

/**
 * Relation, behind its tag, https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 *
 *     Int32   oid of the relation
 *     String  namespace, empty for pg_catalog
 *     String  relation name
 *     Int8    replica identity: d, n, f or i, as in pg_class.relreplident
 *     Int16   number of columns, then for each
 *       Int8    flags: 1 marks a part of the key
 *       String  column name
 *       Int32   oid of its type
 *       Int32   type modifier (atttypmod), signed
 */
export function decodeRelation(reader: MessageReader): TableSchema {
  reader.name('relation');
  const relationId = reader.readUint32();
  const namespace = reader.readCString();
  const tableName = reader.readCString();
  const replicaIdentity =
    identities[String.fromCharCode(reader.readUint8())] ?? reader.refuse('its replica identity is unknown');
  const columnCount = reader.readUint16();
  const columns: ColumnSchema[] = [];
  for (let index = 0; index < columnCount; index += 1) columns.push(decodeColumn(reader));
  reader.close();
  return {
    relationId,
    schemaName: namespace === '' ? 'pg_catalog' : namespace,
    tableName,
    replicaIdentity,
    columns,
  };
}

function decodeColumn(reader: MessageReader): ColumnSchema {
  const flags = reader.readUint8();
  if (flags > 1) reader.refuse(`a column has the flags ${flags}`);
  const name = reader.readCString();
  const typeOid = reader.readUint32();
  const typeModifier = reader.readInt32();
  return { name, typeOid, typeModifier, isKey: flags === 1 };
}

/**
 * Type, behind its tag: Int32 oid, String namespace, String name. Announces a type that is not built in; read to check it.
 * Origin, behind its tag: Int64 commit LSN at the origin, String name. Says where a replicated transaction came from.
 */
export function skipType(reader: MessageReader): void {
  reader.name('type');
  reader.readUint32();
  reader.readCString();
  reader.readCString();
  reader.close();
}

/** Checks an Origin message to its end and drops it: where a transaction was replicated from is not recorded. */
export function skipOrigin(reader: MessageReader): void {
  reader.name('origin');
  reader.readUint64();
  reader.readCString();
  reader.close();
}
