import type { HeadwaterError } from '../../../foundation/error.ts';
import { parseQualifiedName, quoteIdentifier, quoteQualified } from '../../../postgres/quote.ts';
import type { SourceCheck } from '../../source-check.ts';
import { checkPublicationsExist, checkSlotKind } from './compare-source.ts';
import { addTableSql, createPublicationSql, createSlotSql } from './setup.sql.ts';
import type { NamedTable, PublicationFacts, PublishedTable, ServerFacts, SlotFacts } from './source-facts.ts';
import {
  findTablesWithHiddenIdentity,
  findTablesWithoutIdentity,
  findTablesWithUnpublishedGenerated,
} from './source-rules.ts';
import { tableNames } from './uncopied-tables.ts';

/** What an inspection found; everything that it needs to judge. */
export interface InspectedSource {
  readonly server: ServerFacts;
  readonly slot: SlotFacts | undefined;
  readonly publications: readonly PublicationFacts[];
  readonly tables: readonly PublishedTable[];
  /** The tables that the configuration names. */
  readonly named: readonly NamedTable[];
  /** Whether Headwater's own outbox table is there. */
  readonly hasOutbox: boolean;
  /** Undefined: a session in replication mode came about. */
  readonly replicationError: HeadwaterError | undefined;
  readonly wanted: {
    readonly slotName: string;
    readonly publicationNames: readonly string[];
    readonly tables: readonly string[];
    /** Adopted outbox tables. */
    readonly requiredTables: readonly string[];
    readonly outboxTable: string;
    readonly create: 'if-missing' | 'never';
    readonly isCanaryOn: boolean;
  };
}

/** Judges a source without touching it. Every rule gives one check, also when it holds. */
export function planSourceChecks(source: InspectedSource): readonly SourceCheck[] {
  return [
    checkReplicationSession(source),
    checkWalLevel(source),
    checkPrimary(source),
    checkCapacity(source),
    checkPublications(source),
    checkOutboxes(source),
    checkTruncate(source),
    checkViaRoot(source),
    checkIdentities(source),
    checkHiddenIdentities(source),
    checkGenerated(source),
    checkSlot(source),
    checkRetained(source),
    checkSlotLimit(source),
    checkIdleTimeout(source),
    checkCanary(source),
    checkForgery(source),
    checkEncoding(source),
  ];
}

function checkReplicationSession({ replicationError, server }: InspectedSource): SourceCheck {
  const id = 'source.replication';
  if (replicationError !== undefined) return failed(id, replicationError.message, replicationError.hint);
  return ok(id, `the role "${server.roleName}" opens replication sessions, directly and not through a pooler`);
}

function checkWalLevel({ server }: InspectedSource): SourceCheck {
  const id = 'source.wal-level';
  if (server.walLevel === 'logical') return ok(id, 'wal_level = logical');
  return failed(
    id,
    `wal_level = ${server.walLevel}: changes cannot be decoded`,
    `alter system set wal_level = 'logical'; then restart the server`,
  );
}

function checkPrimary({ server }: InspectedSource): SourceCheck {
  const id = 'source.primary';
  if (!server.isStandby) return ok(id, `PostgreSQL ${server.versionText}, a primary`);
  return failed(
    id,
    'the server is a standby: a promotion would change the timeline under the stream',
    'give the address of the primary',
  );
}

function checkCapacity({ server, slot }: InspectedSource): SourceCheck {
  const id = 'source.capacity';
  const slots = `${server.slotCount} of ${server.slotCountMax} slots`;
  const senders = `${server.senderCount} of ${server.senderCountMax} WAL senders`;
  const isFull = slot === undefined && server.slotCount >= server.slotCountMax;
  if (isFull || server.senderCount >= server.senderCountMax) {
    return failed(
      id,
      `${slots} and ${senders} are in use: none is left`,
      'raise max_replication_slots and max_wal_senders, then restart the server',
    );
  }
  return ok(id, `${slots} and ${senders} are in use`);
}

function checkPublications({ named, publications, tables, wanted }: InspectedSource): SourceCheck {
  const id = 'source.publication';
  const missing = checkPublicationsExist(wanted.publicationNames, publications);
  const names = wanted.publicationNames.map((name) => `"${name}"`).join(', ');
  const unknown = named.filter(({ isThere }) => !isThere).map(({ name }) => name);
  if (unknown.length > 0) {
    return failed(
      id,
      `there is no table ${unknown.join(', ')}`,
      'create it, or correct source.tables in the configuration',
    );
  }
  const lacking = named.filter(({ isPublished }) => !isPublished).map(({ name }) => name);
  if (missing === undefined && lacking.length > 0) {
    const why = `publication ${names} lists ${tables.length} tables, but not ${lacking.join(', ')} of source.tables: changes of it are not captured`;
    return warning(id, why, lacking.map((name) => addTableSql(wanted.publicationNames[0] ?? '', name)).join(' '));
  }
  if (missing === undefined) return ok(id, `publication ${names} lists ${tables.length} tables`);
  const sql = wanted.publicationNames
    .filter((name) => !publications.some((publication) => publication.name === name))
    .map((name) => `${createPublicationSql(name, wanted.tables)};`)
    .join(' ');
  if (wanted.create === 'if-missing') return warning(id, `${missing.message}; the first start creates it`, sql);
  return failed(id, missing.message, sql);
}

function checkOutboxes({ hasOutbox, publications, tables, wanted }: InspectedSource): SourceCheck {
  const id = 'source.outbox';
  const [publication] = publications;
  if (publication === undefined)
    return ok(id, 'outbox tables are part of the publication that the first start creates');
  const published = tableNames(tables);
  const lacking = wanted.requiredTables.filter((name) => !published.includes(name));
  const addSql = (names: readonly string[]): string =>
    names.map((name) => addTableSql(publication.name, name)).join(' ');
  if (lacking.length > 0) {
    return failed(id, `${lacking.join(', ')} is not published: its events would be lost`, addSql(lacking));
  }
  if (!hasOutbox || published.includes(wanted.outboxTable)) return ok(id, 'every outbox table is published');
  const why = `${wanted.outboxTable} is there and not published: events that are emitted by outbox would be lost`;
  return warning(id, why, addSql([wanted.outboxTable]));
}

function checkTruncate({ publications }: InspectedSource): SourceCheck {
  const id = 'source.published-changes';
  const partial = publications.find((one) => !(one.hasInsert && one.hasUpdate && one.hasDelete && one.hasTruncate));
  if (partial === undefined) return ok(id, 'inserts, updates, deletes and truncates are published');
  const lacking = [
    partial.hasInsert ? undefined : 'inserts',
    partial.hasUpdate ? undefined : 'updates',
    partial.hasDelete ? undefined : 'deletes',
    partial.hasTruncate ? undefined : 'truncates',
  ].filter((kind) => kind !== undefined);
  const fix = `alter publication ${quoteIdentifier(partial.name)} set (publish = 'insert, update, delete, truncate');`;
  return warning(
    id,
    `publication "${partial.name}" leaves out ${lacking.join(', ')}: copies go apart from their tables by them`,
    fix,
  );
}

function checkViaRoot({ publications }: InspectedSource): SourceCheck {
  const id = 'source.partitions';
  const viaRoot = publications.find((publication) => publication.isViaRoot);
  if (viaRoot === undefined) return ok(id, 'partitions are published by themselves');
  const why = `publication "${viaRoot.name}" publishes partitions as their root: attaching, detaching and truncating one leaf sends nothing`;
  return warning(
    id,
    why,
    `alter publication ${quoteIdentifier(viaRoot.name)} set (publish_via_partition_root = false);`,
  );
}

function checkIdentities({ named, publications, tables, wanted }: InspectedSource): SourceCheck {
  const id = 'source.replica-identity';
  const lacking = findTablesWithoutIdentity(tables, publications);
  const unfit = named.filter((table) => table.lacksIdentity).map(({ name }) => name);
  if (unfit.length > 0 && checkPublicationsExist(wanted.publicationNames, publications) !== undefined) {
    const sql = unfit.map((name) => {
      const { schemaName, objectName } = parseQualifiedName(name);
      return `alter table ${quoteQualified(schemaName, objectName)} replica identity full;`;
    });
    const why = `PostgreSQL would refuse UPDATE and DELETE of ${unfit.join(', ')}, so it is not published`;
    return failed(id, why, `add primary keys, or: ${sql.join(' ')}`);
  }
  if (lacking.length === 0) return ok(id, 'every published table has a replica identity');
  const fix = lacking
    .map(({ schemaName, tableName }) => `alter table ${quoteQualified(schemaName, tableName)} replica identity full;`)
    .join(' ');
  return failed(
    id,
    `PostgreSQL refuses UPDATE and DELETE of ${tableNames(lacking).join(', ')}`,
    `add primary keys, or: ${fix}`,
  );
}

function checkHiddenIdentities({ publications, tables }: InspectedSource): SourceCheck {
  const id = 'source.column-lists';
  const hidden = findTablesWithHiddenIdentity(tables, publications);
  if (hidden.length === 0) return ok(id, 'every column list holds its replica identity');
  const why = `the column lists of ${tableNames(hidden).join(', ')} leave out identity columns: UPDATE and DELETE fail`;
  return failed(id, why, 'alter publication … set table … with the identity columns added to each list');
}

function checkGenerated({ publications, tables }: InspectedSource): SourceCheck {
  const id = 'source.generated-columns';
  const broken = findTablesWithUnpublishedGenerated(tables, publications);
  if (broken.length > 0) {
    const [first] = publications;
    const why = `${tableNames(broken).join(', ')}: replica identity full with a stored generated column that is not published; UPDATE fails`;
    return failed(
      id,
      why,
      `alter publication ${quoteIdentifier(first?.name ?? '')} set (publish_generated_columns = stored);`,
    );
  }
  const generated = tables.filter(
    (table) => table.generatedCount > 0 && (table.publishedColumnCount ?? 0) < table.columnCount,
  );
  if (generated.length === 0) return ok(id, 'no stored generated column is left out');
  return warning(
    id,
    `stored generated columns of ${tableNames(generated).join(', ')} are not published: copies lack them`,
    undefined,
  );
}

function checkSlot({ server, slot, wanted }: InspectedSource): SourceCheck {
  const id = 'source.slot';
  if (slot === undefined) {
    const why = `slot "${wanted.slotName}" does not exist`;
    if (wanted.create === 'never') return failed(id, why, `${createSlotSql(wanted.slotName)};`);
    return ok(id, `${why}; the first start creates it`);
  }
  const fault = checkSlotKind(slot, server.databaseName);
  if (fault !== undefined) return failed(id, fault.message, fault.hint);
  return ok(
    id,
    `slot "${slot.slotName}" is ${slot.activePid === undefined ? 'not in use' : `in use by process ${slot.activePid}`}`,
  );
}

function checkRetained({ slot }: InspectedSource): SourceCheck {
  const id = 'source.slot-wal';
  if (slot === undefined) return ok(id, 'no slot holds WAL yet');
  const held = `the slot holds ${formatBytes(slot.retainedBytes)} of WAL, ${formatBytes(slot.unconfirmedBytes)} unconfirmed`;
  if (slot.walStatus === 'unreserved' || slot.walStatus === 'lost') {
    return failed(
      id,
      `${held}; its status is ${slot.walStatus}: the server gives it up`,
      'raise max_slot_wal_keep_size now, and let Headwater catch up',
    );
  }
  const safe = slot.safeBytes === undefined ? 'no limit is set' : `${formatBytes(slot.safeBytes)} may still be written`;
  if (slot.walStatus === 'extended')
    return warning(id, `${held}, more than max_wal_size; ${safe}`, 'see what keeps Headwater from confirming');
  return ok(id, `${held}; ${safe}`);
}

function checkSlotLimit({ server }: InspectedSource): SourceCheck {
  const id = 'source.slot-limit';
  if (server.slotKeepSize !== '-1') {
    return ok(
      id,
      `max_slot_wal_keep_size = ${server.slotKeepSize}: a pause longer than that loses the slot, and the disk is safe`,
    );
  }
  const why = 'max_slot_wal_keep_size = -1: while Headwater is down, WAL grows until the disk is full';
  return warning(
    id,
    why,
    `alter system set max_slot_wal_keep_size = '64GB'; select pg_reload_conf();  -- as much as the disk can spare`,
  );
}

function checkIdleTimeout({ server }: InspectedSource): SourceCheck {
  const id = 'source.idle-slot-timeout';
  const timeout = server.idleSlotTimeout;
  if (timeout === undefined || timeout === '0') return ok(id, 'an idle slot is kept');
  const why = `idle_replication_slot_timeout = ${timeout}: a longer pause of Headwater loses the slot`;
  return warning(id, why, `alter system set idle_replication_slot_timeout = 0; select pg_reload_conf();`);
}

function checkCanary({ server, wanted }: InspectedSource): SourceCheck {
  const id = 'source.canary';
  const cost =
    'while nobody writes, only keepalives show that the stream lives, and in a cluster without any write WAL segments may stay';
  if (!wanted.isCanaryOn) return warning(id, `canary messages are off: ${cost}`, 'set source.canaryIntervalMs');
  if (server.mayEmit) return ok(id, 'canary messages may be written');
  const fix = `grant execute on function pg_logical_emit_message(boolean, text, text${server.idleSlotTimeout === undefined ? '' : ', boolean'}) to ${quoteIdentifier(server.roleName)};`;
  return warning(id, `the role may not write canary messages: ${cost}`, fix);
}

function checkForgery({ server }: InspectedSource): SourceCheck {
  const id = 'source.message-right';
  if (!server.mayEverybodyEmit) return ok(id, 'only chosen roles may write logical messages');
  const why =
    'every role of this database may write logical messages, and with them events that nobody meant (the default of PostgreSQL)';
  return warning(
    id,
    why,
    'revoke execute on function pg_logical_emit_message from public, and grant it to the application; see the roles that `headwater sql roles` prints',
  );
}

function checkEncoding({ server }: InspectedSource): SourceCheck {
  const id = 'source.encoding';
  if (server.serverEncoding !== 'SQL_ASCII') return ok(id, `the database is encoded in ${server.serverEncoding}`);
  return warning(
    id,
    'the database is SQL_ASCII: a value that is not UTF-8 stops its lanes',
    'convert the database to UTF8',
  );
}

function ok(id: string, why: string): SourceCheck {
  return { id, result: 'ok', why, fix: undefined };
}

function warning(id: string, why: string, fix: string | undefined): SourceCheck {
  return { id, result: 'warning', why, fix };
}

function failed(id: string, why: string, fix: string): SourceCheck {
  return { id, result: 'failed', why, fix };
}

function formatBytes(bytes: bigint | undefined): string {
  if (bytes === undefined) return 'an unknown amount';
  const megabytes = Number(bytes) / 1_048_576;
  return megabytes < 1 ? `${bytes} bytes` : `${megabytes.toFixed(megabytes < 100 ? 1 : 0)} MiB`;
}
