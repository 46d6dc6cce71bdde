import { parseQualifiedName, quoteIdentifier, quoteLiteral, quoteQualified } from '../../../postgres/quote.ts';

/** The publication of the given tables, with all kinds of changes. Locks the tables against schema changes for a moment. */
export function createPublicationSql(name: string, tables: readonly string[]): string {
  const list = tables.map((table) => {
    const { schemaName, objectName } = parseQualifiedName(table);
    return quoteQualified(schemaName, objectName);
  });
  return `create publication ${quoteIdentifier(name)}${list.length === 0 ? '' : ` for table ${list.join(', ')}`}`;
}

/** The comment by which a publication that Headwater made is known again. `headwater destroy` drops no other unasked. */
export const publicationMark = 'Headwater: the tables whose changes are captured. Made by Headwater.';

/** Marks a publication as made by Headwater. Needs its ownership. */
export function markPublicationSql(name: string): string {
  return `comment on publication ${quoteIdentifier(name)} is ${quoteLiteral(publicationMark)}`;
}

/** Adds a table to a publication. What was written to it before is not published. */
export function addTableSql(publicationName: string, table: string): string {
  const { schemaName, objectName } = parseQualifiedName(table);
  return `alter publication ${quoteIdentifier(publicationName)} add table ${quoteQualified(schemaName, objectName)};`;
}

/** For people and for `create: never`: the same slot as the one that Headwater creates by the replication protocol. */
export function createSlotSql(slotName: string): string {
  return `select pg_create_logical_replication_slot(${quoteLiteral(slotName)}, 'pgoutput')`;
}

/**
 * The replication command. Inside a repeatable-read transaction it gives that the snapshot of the slot's start: what is visible
 * there is exactly what the stream will not send. PostgreSQL 14 knows only the older form.
 */
export function createSlotCommand(slotName: string, serverVersion: number): string {
  const snapshot = serverVersion >= 150_000 ? "(SNAPSHOT 'use')" : 'USE_SNAPSHOT';
  return `CREATE_REPLICATION_SLOT ${quoteIdentifier(slotName)} LOGICAL pgoutput ${snapshot}`;
}

/** Begins the transaction that a slot is created in, so that its snapshot can be looked at. Takes no lock on rows. */
export const beginSlotTransactionSql = 'begin transaction isolation level repeatable read read only';

/** Whether a table holds a row. Needs SELECT. */
export function tableHoldsRowSql(schemaName: string, tableName: string): string {
  return `select exists (select 1 from ${quoteQualified(schemaName, tableName)})::text as holds_row`;
}
