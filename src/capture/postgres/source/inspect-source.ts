import { HeadwaterError } from '../../../foundation/error.ts';
import type { SourceCheck } from '../../source-check.ts';
import type { ReplicationConnector } from '../replication/replication-connection.ts';
import { planSourceChecks, type InspectedSource } from './plan-source-checks.ts';
import type { CatalogConnector, SourceCatalog } from './source-catalog.ts';
import { distinctTables } from './uncopied-tables.ts';

/** What is wanted of the source, and how to reach it. Each connector is called at most once. */
export interface SourceInspection {
  readonly wanted: InspectedSource['wanted'];
  readonly openCatalog: CatalogConnector;
  readonly openReplication: ReplicationConnector;
}

/**
 * Looks at a source as `headwater doctor` shows it. Changes nothing and takes no slot. A source that cannot be reached gives
 * one failed check with the reason; nothing else is thrown but `signal.reason`.
 */
export async function inspectSource(
  inspection: SourceInspection,
  signal?: AbortSignal,
): Promise<readonly SourceCheck[]> {
  const id = 'source.connection';
  let catalog: SourceCatalog | undefined;
  try {
    catalog = await inspection.openCatalog(signal);
    const inspected = await readInspectedSource(inspection, catalog, signal);
    const why = `"${inspected.server.databaseName}" is reached directly as role "${inspected.server.roleName}"`;
    return [{ id, result: 'ok', why, fix: undefined }, ...planSourceChecks(inspected)];
  } catch (thrown) {
    signal?.throwIfAborted();
    const error = HeadwaterError.from(thrown);
    return [{ id, result: 'failed', why: `${error.code}: ${error.message}`, fix: error.hint }];
  } finally {
    await catalog?.close();
  }
}

async function readInspectedSource(
  inspection: SourceInspection,
  catalog: SourceCatalog,
  signal: AbortSignal | undefined,
): Promise<InspectedSource> {
  const { wanted } = inspection;
  const server = await catalog.readServer();
  return {
    server,
    slot: server.isStandby ? undefined : await catalog.readSlot(wanted.slotName),
    publications: await catalog.readPublications(wanted.publicationNames),
    tables: distinctTables(await catalog.readTables(wanted.publicationNames)),
    named: await catalog.readNamedTables(wanted.tables, wanted.publicationNames),
    hasOutbox: await catalog.hasTable(wanted.outboxTable),
    replicationError: await tryReplication(inspection.openReplication, signal),
    wanted,
  };
}

async function tryReplication(
  open: ReplicationConnector,
  signal: AbortSignal | undefined,
): Promise<HeadwaterError | undefined> {
  try {
    const replication = await open(signal);
    await replication.close();
    return undefined;
  } catch (thrown) {
    signal?.throwIfAborted();
    return HeadwaterError.from(thrown);
  }
}
