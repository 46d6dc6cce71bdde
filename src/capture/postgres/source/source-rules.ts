import { HeadwaterError } from '../../../foundation/error.ts';
import type { SystemFacts } from '../replication/replication-connection.ts';
import type { PublicationFacts, PublishedTable, ServerFacts } from './source-facts.ts';

/** The oldest server whose logical messages can be streamed. */
export const serverVersionMin = 140_000;

/** Names what no publication and no slot can cure: HW-SOURCE-006, 007, 021 or 022. */
export function checkServer(
  server: ServerFacts,
  system: Pick<SystemFacts, 'systemId'>,
  serverVersion: number,
): HeadwaterError | undefined {
  if (serverVersion < serverVersionMin) {
    return new HeadwaterError(
      'HW-SOURCE-022',
      `the server is PostgreSQL ${server.versionText}; the oldest supported is 14`,
    );
  }
  if (server.systemId !== system.systemId) {
    return new HeadwaterError(
      'HW-SOURCE-006',
      `two sessions at one address reached two clusters, ${server.systemId} and ${system.systemId}`,
    );
  }
  if (server.isStandby) return new HeadwaterError('HW-SOURCE-021', 'the server is a standby');
  if (server.walLevel === 'logical') return undefined;
  return new HeadwaterError('HW-SOURCE-007', `the server writes its WAL with wal_level = ${server.walLevel}`, {
    details: { walLevel: server.walLevel },
  });
}

/** Published tables whose UPDATE or DELETE PostgreSQL refuses for want of a replica identity. */
export function findTablesWithoutIdentity(
  tables: readonly PublishedTable[],
  publications: readonly PublicationFacts[],
): readonly PublishedTable[] {
  return tables.filter((table) => publishesOldRows(table, publications) && lacksIdentity(table));
}

/** Published tables whose column list leaves out a column of the replica identity: their UPDATE fails with 42P10. */
export function findTablesWithHiddenIdentity(
  tables: readonly PublishedTable[],
  publications: readonly PublicationFacts[],
): readonly PublishedTable[] {
  return tables.filter((table) => {
    if (!publishesOldRows(table, publications)) return false;
    if (table.unpublishedIdentityColumns.length > 0) return true;
    const published = table.publishedColumnCount ?? table.columnCount;
    return table.identityKind === 'full' && published < table.columnCount - table.generatedCount;
  });
}

/** PostgreSQL 18: REPLICA IDENTITY FULL with a stored generated column that is not published: UPDATE fails with 42P10. */
export function findTablesWithUnpublishedGenerated(
  tables: readonly PublishedTable[],
  publications: readonly PublicationFacts[],
): readonly PublishedTable[] {
  return tables.filter((table) => {
    const isHidden = publications.some((one) => one.name === table.publicationName && one.publishesGenerated === false);
    const isPublished = (table.publishedColumnCount ?? 0) >= table.columnCount;
    return (
      isHidden &&
      !isPublished &&
      table.identityKind === 'full' &&
      table.generatedCount > 0 &&
      publishesOldRows(table, publications)
    );
  });
}

function publishesOldRows(table: PublishedTable, publications: readonly PublicationFacts[]): boolean {
  return publications.some((one) => one.name === table.publicationName && (one.hasUpdate || one.hasDelete));
}

function lacksIdentity(table: PublishedTable): boolean {
  if (table.identityKind === 'full') return false;
  return table.identityKind === 'nothing' || table.identityColumns.length === 0;
}
