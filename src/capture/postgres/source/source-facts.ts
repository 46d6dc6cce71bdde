import { parseLsn, type Lsn } from '../../../model/lsn.ts';
import type { QueryRow } from '../../../postgres/connection.ts';

/** The server, the database and what the connected role may do there, as one query found them. */
export interface ServerFacts {
  readonly systemId: string;
  readonly isStandby: boolean;
  readonly databaseName: string;
  readonly databaseOid: number;
  readonly walLevel: string;
  readonly versionText: string;
  readonly serverEncoding: string;
  /** End of what is written into WAL buffers; undefined on a standby. */
  readonly insertLsn: Lsn | undefined;
  readonly roleName: string;
  readonly mayReplicate: boolean;
  readonly bypassesRowSecurity: boolean;
  readonly mayCreateInDatabase: boolean;
  readonly mayEmit: boolean;
  readonly mayEverybodyEmit: boolean;
  readonly slotKeepSize: string;
  /** Undefined before PostgreSQL 18. */
  readonly idleSlotTimeout: string | undefined;
  readonly slotCount: number;
  readonly slotCountMax: number;
  readonly senderCount: number;
  readonly senderCountMax: number;
}

/** Whether the server still has the WAL that a slot needs, as `pg_replication_slots.wal_status` says; `lost` is final. */
export type WalStatus = 'reserved' | 'extended' | 'unreserved' | 'lost';

/** A replication slot. Byte counts are differences of WAL locations at the time of the query. */
export interface SlotFacts {
  readonly slotName: string;
  readonly plugin: string | undefined;
  readonly slotType: string;
  readonly databaseName: string | undefined;
  readonly isTemporary: boolean;
  readonly isTwoPhase: boolean;
  readonly activePid: number | undefined;
  readonly confirmedLsn: Lsn | undefined;
  readonly restartLsn: Lsn | undefined;
  readonly walStatus: WalStatus | undefined;
  /** Why PostgreSQL gave the slot up; undefined while it is valid. */
  readonly invalidationReason: string | undefined;
  /** WAL that may still be written before the slot is given up; undefined: no limit. */
  readonly safeBytes: bigint | undefined;
  readonly retainedBytes: bigint | undefined;
  readonly unconfirmedBytes: bigint | undefined;
}

/** A publication: which tables and which kinds of changes it lets through. */
export interface PublicationFacts {
  readonly name: string;
  readonly oid: number;
  readonly isForAllTables: boolean;
  readonly hasInsert: boolean;
  readonly hasUpdate: boolean;
  readonly hasDelete: boolean;
  readonly hasTruncate: boolean;
  readonly isViaRoot: boolean;
  /** PostgreSQL 18: whether stored generated columns are published. Undefined before. */
  readonly publishesGenerated: boolean | undefined;
}

/** Which columns of an old row the server logs: `REPLICA IDENTITY` of the table. */
export type IdentityKind = 'default' | 'nothing' | 'full' | 'index';

/** A table of a publication, and whatever may keep its changes from being captured whole. */
export interface PublishedTable {
  readonly publicationName: string;
  readonly schemaName: string;
  readonly tableName: string;
  readonly tableOid: number;
  /** Digest of what is published of it. */
  readonly publishedAs: string;
  readonly identityKind: IdentityKind;
  /** Columns of the primary key or of the chosen index; empty for FULL and NOTHING. */
  readonly identityColumns: readonly string[];
  readonly columnCount: number;
  /** The published columns; undefined before PostgreSQL 15, where all are. */
  readonly publishedColumnCount: number | undefined;
  readonly unpublishedIdentityColumns: readonly string[];
  readonly generatedCount: number;
  readonly maySelect: boolean;
  readonly hasRowSecurity: boolean;
  readonly byteCount: bigint;
  /** The planner's; -1 when unknown. */
  readonly rowEstimate: number;
}

/** A table that the configuration names, published or not. */
export interface NamedTable {
  /** As it was asked for. */
  readonly name: string;
  readonly isThere: boolean;
  /** PostgreSQL would refuse its UPDATE and DELETE as soon as they are published. */
  readonly lacksIdentity: boolean;
  readonly isPublished: boolean;
}

/** Reads the one row of the server query, whose values are text or null. */
export function parseServerFacts(row: QueryRow): ServerFacts {
  const insertLsn = row['insert_lsn'];
  return {
    systemId: text(row, 'system_id'),
    isStandby: flag(row, 'is_standby'),
    databaseName: text(row, 'database_name'),
    databaseOid: Number(row['database_oid']),
    walLevel: text(row, 'wal_level'),
    versionText: text(row, 'version_text'),
    serverEncoding: text(row, 'server_encoding'),
    insertLsn: insertLsn === null || insertLsn === undefined ? undefined : parseLsn(insertLsn),
    roleName: text(row, 'role_name'),
    mayReplicate: flag(row, 'may_replicate'),
    bypassesRowSecurity: flag(row, 'bypasses_row_security'),
    mayCreateInDatabase: flag(row, 'may_create_in_database'),
    mayEmit: flag(row, 'may_emit'),
    mayEverybodyEmit: flag(row, 'may_everybody_emit'),
    slotKeepSize: text(row, 'slot_keep_size'),
    idleSlotTimeout: row['idle_slot_timeout'] ?? undefined,
    slotCount: Number(row['slot_count']),
    slotCountMax: Number(row['slot_count_max']),
    senderCount: Number(row['sender_count']),
    senderCountMax: Number(row['sender_count_max']),
  };
}

/** Reads a row of the slot query. A slot without a position, which was never used, has undefined locations. */
export function parseSlotFacts(row: QueryRow): SlotFacts {
  const walStatus = parseWalStatus(row['wal_status']);
  return {
    slotName: text(row, 'slot_name'),
    plugin: row['plugin'] ?? undefined,
    slotType: text(row, 'slot_type'),
    databaseName: row['database_name'] ?? undefined,
    isTemporary: flag(row, 'is_temporary'),
    isTwoPhase: flag(row, 'is_two_phase'),
    activePid: optionalNumber(row, 'active_pid'),
    confirmedLsn: optionalLsn(row, 'confirmed_lsn'),
    restartLsn: optionalLsn(row, 'restart_lsn'),
    walStatus,
    invalidationReason: parseInvalidation(row, walStatus),
    safeBytes: optionalBigint(row, 'safe_bytes'),
    retainedBytes: optionalBigint(row, 'retained_bytes'),
    unconfirmedBytes: optionalBigint(row, 'unconfirmed_bytes'),
  };
}

/** Reads a row of the publication query. */
export function parsePublicationFacts(row: QueryRow): PublicationFacts {
  const generated = row['generated_columns'];
  return {
    name: text(row, 'name'),
    oid: Number(row['oid']),
    isForAllTables: flag(row, 'is_for_all_tables'),
    hasInsert: flag(row, 'has_insert'),
    hasUpdate: flag(row, 'has_update'),
    hasDelete: flag(row, 'has_delete'),
    hasTruncate: flag(row, 'has_truncate'),
    isViaRoot: flag(row, 'is_via_root'),
    publishesGenerated: generated === null || generated === undefined ? undefined : generated === 's',
  };
}

/** Reads a row of the query for published tables, and works out which identity columns are not published. */
export function parsePublishedTable(row: QueryRow): PublishedTable {
  const identityColumns = parseNames(row['identity_columns']) ?? [];
  const published = parseNames(row['column_names']);
  return {
    publicationName: text(row, 'publication_name'),
    schemaName: text(row, 'schema_name'),
    tableName: text(row, 'table_name'),
    tableOid: Number(row['table_oid']),
    publishedAs: text(row, 'published_as'),
    identityKind: parseIdentityKind(row['identity_kind']),
    identityColumns,
    columnCount: Number(row['column_count']),
    publishedColumnCount: published?.length,
    unpublishedIdentityColumns:
      published === undefined ? [] : identityColumns.filter((name) => !published.includes(name)),
    generatedCount: Number(row['generated_count']),
    maySelect: flag(row, 'may_select'),
    hasRowSecurity: flag(row, 'has_row_security'),
    byteCount: BigInt(row['byte_count'] ?? '0'),
    rowEstimate: Number(row['row_estimate']),
  };
}

/** Reads a row of the query for named tables. */
export function parseNamedTable(row: QueryRow): NamedTable {
  return {
    name: text(row, 'name'),
    isThere: flag(row, 'is_there'),
    lacksIdentity: flag(row, 'lacks_identity'),
    isPublished: flag(row, 'is_published'),
  };
}

/** 17 and later name the reason; before, a slot without WAL status but with a conflict, or `lost`, is gone. */
function parseInvalidation(row: QueryRow, walStatus: WalStatus | undefined): string | undefined {
  const reason = row['invalidation_reason'];
  if (reason !== null && reason !== undefined) return reason;
  if (walStatus === 'lost') return 'wal_removed';
  return flag(row, 'is_conflicting') ? 'conflict' : undefined;
}

function parseWalStatus(value: string | null | undefined): WalStatus | undefined {
  return value === 'reserved' || value === 'extended' || value === 'unreserved' || value === 'lost' ? value : undefined;
}

function parseIdentityKind(letter: string | null | undefined): IdentityKind {
  if (letter === 'f') return 'full';
  if (letter === 'i') return 'index';
  return letter === 'n' ? 'nothing' : 'default';
}

function parseNames(json: string | null | undefined): readonly string[] | undefined {
  if (json === null || json === undefined) return undefined;
  const names: unknown = JSON.parse(json);
  return Array.isArray(names) ? names.map(String) : undefined;
}

function text(row: QueryRow, name: string): string {
  return row[name] ?? '';
}

function flag(row: QueryRow, name: string): boolean {
  return row[name] === 'true';
}

function optionalNumber(row: QueryRow, name: string): number | undefined {
  const value = row[name];
  return value === null || value === undefined ? undefined : Number(value);
}

function optionalBigint(row: QueryRow, name: string): bigint | undefined {
  const value = row[name];
  return value === null || value === undefined ? undefined : BigInt(value);
}

function optionalLsn(row: QueryRow, name: string): Lsn | undefined {
  const value = row[name];
  return value === null || value === undefined ? undefined : parseLsn(value);
}
