import { HeadwaterError } from '../../../foundation/error.ts';
import { maxLsn, type Lsn } from '../../../model/lsn.ts';
import type { SourceIdentity, UncopiedTable } from '../../../model/source-identity.ts';
import type { ReplicationConnection, SystemFacts } from '../replication/replication-connection.ts';
import { checkPublicationsExist, checkSlotKind, compareSource, type FoundSource } from './compare-source.ts';
import { addTableSql, createPublicationSql, createSlotSql } from './setup.sql.ts';
import type { SourceCatalog } from './source-catalog.ts';
import type { PublicationFacts, PublishedTable, ServerFacts, SlotFacts } from './source-facts.ts';
import type { PostgresSourceOptions } from './source-options.ts';
import { checkServer, findTablesWithoutIdentity } from './source-rules.ts';
import { canSeeRows, distinctTables, tableDigests, tableNames, toUncopiedTable } from './uncopied-tables.ts';

/** The two sessions of capture. */
export interface SourceSessions {
  readonly replication: ReplicationConnection;
  readonly catalog: SourceCatalog;
}

/** A source that may be streamed from, as far as can be said before the slot is held. */
export interface PreparedSource {
  readonly system: SystemFacts;
  readonly server: ServerFacts;
  readonly publications: readonly PublicationFacts[];
  readonly tables: readonly PublishedTable[];
  /** What a slot made just now will not send; undefined: the slot was there. */
  readonly uncopiedAtCreation: readonly UncopiedTable[] | undefined;
}

/** Where the stream begins. */
export interface AcceptedSource {
  readonly slotLsn: Lsn;
  /** What the journal must record first; undefined: it goes on with what it has. */
  readonly record: { readonly identity: SourceIdentity; readonly startLsn: Lsn } | undefined;
}

type PrepareOptions = Pick<
  PostgresSourceOptions,
  'slotName' | 'publicationNames' | 'tables' | 'requiredTables' | 'outboxTable' | 'create' | 'recorder' | 'logger'
>;

/**
 * Everything that is checked and made before the slot is asked for. The publication comes first: PostgreSQL 18 sends nothing
 * for one that is missing at a place in the WAL, and only warns.
 * @throws HW-SOURCE codes, each with its fix.
 */
export async function prepareSource(options: PrepareOptions, sessions: SourceSessions): Promise<PreparedSource> {
  const { replication, catalog } = sessions;
  const system = await replication.identifySystem();
  const server = await catalog.readServer();
  throwIf(checkServer(server, system, replication.serverVersion));
  const publications = await preparePublications(options, catalog);
  await warnOfUnpublished(options, catalog);
  const tables = distinctTables(await catalog.readTables(options.publicationNames));
  const slot = await catalog.readSlot(options.slotName);
  const { source } = options.recorder.state;
  throwIf(refuseUnpublished(options, tables));
  if (source !== undefined) {
    const found = foundSource({ system, server, slot, publications, replication });
    const refusal = compareSource({ ...options.recorder.state, source }, found, options);
    // Where a slot stands that another session reads is that session's; it is compared again once this one holds it.
    throwIf(
      refusal?.code === 'HW-SOURCE-014' ? (checkSlotIsFree(slot) ?? refusal) : (refusal ?? checkSlotIsFree(slot)),
    );
    return { system, server, publications, tables, uncopiedAtCreation: undefined };
  }
  throwIf(refuseTablesWithoutIdentity(tables, publications));
  if (slot !== undefined) {
    throwIf(checkSlotKind(slot, server.databaseName));
    throwIf(checkSlotIsFree(slot));
    return { system, server, publications, tables, uncopiedAtCreation: undefined };
  }
  const uncopiedAtCreation = await createSlot(options, { replication, server, tables });
  return { system, server, publications, tables, uncopiedAtCreation };
}

/**
 * The last word, when this session holds the slot and nobody else can move it.
 * @throws HW-SOURCE codes: moved or recreated in between, held by another session.
 */
export async function acceptSource(
  options: PrepareOptions,
  sessions: SourceSessions,
  prepared: PreparedSource,
): Promise<AcceptedSource> {
  const { replication, catalog } = sessions;
  const slot = await catalog.readSlot(options.slotName);
  const publications = await catalog.readPublications(options.publicationNames);
  const { system, server } = prepared;
  const { source } = options.recorder.state;
  if (source !== undefined) {
    throwIf(
      compareSource(
        { ...options.recorder.state, source },
        foundSource({ system, server, slot, publications, replication }),
        options,
      ),
    );
  }
  if (slot?.confirmedLsn === undefined || slot.activePid !== replication.backendPid) {
    throw new HeadwaterError(
      'HW-SOURCE-012',
      `slot "${options.slotName}" is not held by this session after it was given`,
      {
        details: { slot: options.slotName, holder: slot?.activePid ?? null, own: replication.backendPid },
      },
    );
  }
  if (source !== undefined) return { slotLsn: slot.confirmedLsn, record: undefined };
  throwIf(checkPublicationsExist(options.publicationNames, publications));
  const identity = createIdentity(options, prepared, { publications, replication });
  return { slotLsn: slot.confirmedLsn, record: { identity, startLsn: slot.confirmedLsn } };
}

interface FoundParts {
  readonly system: SystemFacts;
  readonly server: ServerFacts;
  readonly slot: SlotFacts | undefined;
  readonly publications: readonly PublicationFacts[];
  readonly replication: ReplicationConnection;
}

function foundSource(parts: FoundParts): FoundSource {
  const { system, server } = parts;
  return {
    systemId: system.systemId,
    timeline: system.timeline,
    databaseName: server.databaseName,
    databaseOid: server.databaseOid,
    walEndLsn: server.insertLsn === undefined ? system.walEndLsn : maxLsn(system.walEndLsn, server.insertLsn),
    slot: parts.slot,
    publications: parts.publications,
    sessionSettings: parts.replication.sessionSettings,
  };
}

async function preparePublications(
  options: PrepareOptions,
  catalog: SourceCatalog,
): Promise<readonly PublicationFacts[]> {
  const found = await catalog.readPublications(options.publicationNames);
  const missing = options.publicationNames.filter((name) => !found.some((publication) => publication.name === name));
  // A publication that a history was recorded with is never made anew here: that is a refusal by its oid.
  if (missing.length === 0 || options.recorder.state.source !== undefined) return found;
  const tables = await listTablesToPublish(options, catalog);
  // Before it is made: PostgreSQL would refuse the application's own writes from that moment on.
  const named = await catalog.readNamedTables(tables, options.publicationNames);
  throwIf(refuseWithoutIdentity(named.filter((table) => table.lacksIdentity).map(({ name }) => name)));
  if (options.create === 'never') {
    const sql = missing.map((name) => `${createPublicationSql(name, tables)};`).join(' ');
    throw new HeadwaterError('HW-SOURCE-009', `the publication "${missing.join('", "')}" does not exist`, {
      hint: `Run: ${sql}`,
    });
  }
  for (const name of missing) await catalog.createPublication(name, tables);
  return catalog.readPublications(options.publicationNames);
}

/** An outbox that is not published would swallow events: it is part of every publication that is made here. */
async function listTablesToPublish(options: PrepareOptions, catalog: SourceCatalog): Promise<readonly string[]> {
  const hasOutbox = await catalog.hasTable(options.outboxTable);
  const tables = [...options.tables, ...options.requiredTables, ...(hasOutbox ? [options.outboxTable] : [])];
  return [...new Set(tables.map(qualify))];
}

/** A publication that is there is never altered, so a table that the configuration names may be missing in it. */
async function warnOfUnpublished(options: PrepareOptions, catalog: SourceCatalog): Promise<void> {
  const named = await catalog.readNamedTables(options.tables, options.publicationNames);
  for (const { name, isThere } of named.filter((table) => !table.isPublished)) {
    options.logger.warn('source.table_unpublished', {
      table: name,
      error: isThere
        ? 'source.tables names it and no publication does: its changes are not captured'
        : 'there is no such table',
      hint: isThere
        ? addTableSql(options.publicationNames[0] ?? '', name)
        : 'correct source.tables, or create and publish it',
    });
  }
}

function qualify(name: string): string {
  return name.includes('.') ? name : `public.${name}`;
}

function refuseUnpublished(options: PrepareOptions, tables: readonly PublishedTable[]): HeadwaterError | undefined {
  const published = tableNames(tables);
  const lacking = options.requiredTables.filter((name) => !published.includes(qualify(name)));
  if (lacking.length === 0) return undefined;
  const sql = lacking.map((name) => addTableSql(options.publicationNames[0] ?? '', name)).join(' ');
  return new HeadwaterError('HW-SOURCE-036', `${lacking.join(', ')} is not published: its events would be lost`, {
    hint: `Run: ${sql}`,
    details: { tables: lacking.join(', ') },
  });
}

async function createSlot(
  options: PrepareOptions,
  parts: Pick<PreparedSource, 'server' | 'tables'> & Pick<SourceSessions, 'replication'>,
): Promise<readonly UncopiedTable[]> {
  if (options.create === 'never') {
    throw new HeadwaterError('HW-SOURCE-010', `the slot "${options.slotName}" does not exist`, {
      hint: `Run: ${createSlotSql(options.slotName)};`,
    });
  }
  const visible = parts.tables.filter((table) => canSeeRows(table, parts.server));
  const { holdsRows } = await parts.replication.createSlot(options.slotName, visible);
  return parts.tables
    .map((table) => {
      const index = visible.indexOf(table);
      return toUncopiedTable(table, 'held-rows-at-start', index === -1 ? undefined : holdsRows[index]);
    })
    .filter((table) => table !== undefined);
}

function createIdentity(
  options: PrepareOptions,
  prepared: PreparedSource,
  parts: Pick<FoundParts, 'publications' | 'replication'>,
): SourceIdentity {
  const { system, server, tables } = prepared;
  const uncopiedTables =
    prepared.uncopiedAtCreation ??
    tables
      .map((table) => toUncopiedTable(table, 'journal-begins-later', undefined))
      .filter((table) => table !== undefined);
  return {
    systemId: system.systemId,
    timeline: system.timeline,
    databaseName: server.databaseName,
    databaseOid: server.databaseOid,
    slotName: options.slotName,
    publicationNames: options.publicationNames,
    publicationOids: options.publicationNames.map(
      (name) => parts.publications.find((publication) => publication.name === name)?.oid ?? 0,
    ),
    sessionSettings: parts.replication.sessionSettings,
    tables: tableNames(tables),
    publishedAs: tableDigests(tables),
    uncopiedTables,
  };
}

function refuseTablesWithoutIdentity(
  tables: readonly PublishedTable[],
  publications: readonly PublicationFacts[],
): HeadwaterError | undefined {
  return refuseWithoutIdentity(tableNames(findTablesWithoutIdentity(tables, publications)));
}

function refuseWithoutIdentity(names: readonly string[]): HeadwaterError | undefined {
  if (names.length === 0) return undefined;
  return new HeadwaterError(
    'HW-SOURCE-019',
    `PostgreSQL refuses UPDATE and DELETE of ${names.join(', ')}: published without a replica identity`,
    {
      details: { tables: names.join(', ') },
    },
  );
}

function checkSlotIsFree(slot: SlotFacts | undefined): HeadwaterError | undefined {
  if (slot?.activePid === undefined) return undefined;
  return new HeadwaterError('HW-SOURCE-012', `slot "${slot.slotName}" is active for PID ${slot.activePid}`, {
    details: { slot: slot.slotName, holder: slot.activePid },
  });
}

function throwIf(error: HeadwaterError | undefined): void {
  if (error !== undefined) throw error;
}
