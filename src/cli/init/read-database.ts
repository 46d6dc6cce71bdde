import { publicationMark } from '../../capture/postgres/source/setup.sql.ts';
import type { ServerFacts } from '../../capture/postgres/source/source-facts.ts';
import { createSourceCatalog } from '../../capture/postgres/source/sql-source-catalog.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Connection } from '../../postgres/connection.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { readSchemaVersion } from '../../postgres/database-objects.ts';
import { openConnection } from '../../postgres/pg-connection.ts';
import { applicationTablesSql, publicationsSql } from './database-facts.sql.ts';

/** A table of the application. */
export interface ApplicationTable {
  /** `schema.table`. */
  readonly name: string;
  /** Whether UPDATE and DELETE go on working once it is published. */
  readonly hasIdentity: boolean;
  readonly identityKind: 'default' | 'nothing' | 'full' | 'index';
}

/** A publication that is there. */
export interface FoundPublication {
  readonly name: string;
  readonly isForAllTables: boolean;
  /** Whether it carries the mark of Headwater. */
  readonly isOurs: boolean;
  readonly tables: readonly string[];
}

/** What could be learnt of the database. */
export type DatabaseFacts =
  | { readonly kind: 'no-address' }
  | { readonly kind: 'unreachable'; readonly error: HeadwaterError }
  | {
      readonly kind: 'reached';
      readonly server: ServerFacts;
      readonly tables: readonly ApplicationTable[];
      readonly publications: readonly FoundPublication[];
      /** Of Headwater's objects, 0: none; undefined: this role may not look. */
      readonly objectsVersion: number | undefined;
    };

/** Looks at a database. Changes nothing, and throws nothing but `signal.reason`: what cannot be looked at is said. */
export async function readDatabase(
  url: string | undefined,
  schemaName: string,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  if (url === undefined) return { kind: 'no-address' };
  try {
    await using connection = await openConnection({ statementTimeoutMs: 30_000, ...parseConnectionUrl(url) }, signal);
    return {
      kind: 'reached',
      server: await createSourceCatalog(connection).readServer(),
      tables: await readTables(connection, schemaName),
      publications: await readPublications(connection),
      objectsVersion: await readVersion(connection, schemaName),
    };
  } catch (thrown) {
    signal.throwIfAborted();
    return { kind: 'unreachable', error: HeadwaterError.from(thrown) };
  }
}

const identityKinds: Readonly<Record<string, ApplicationTable['identityKind']>> = {
  n: 'nothing',
  f: 'full',
  i: 'index',
};

async function readTables(connection: Connection, schemaName: string): Promise<readonly ApplicationTable[]> {
  const rows = await connection.query(applicationTablesSql, [schemaName]);
  return rows.map((row) => ({
    name: row['name'] ?? '',
    hasIdentity: row['has_identity'] === 'true',
    identityKind: identityKinds[row['identity_kind'] ?? ''] ?? 'default',
  }));
}

async function readPublications(connection: Connection): Promise<readonly FoundPublication[]> {
  const rows = await connection.query(publicationsSql, [publicationMark]);
  return rows.map((row) => {
    const tables: unknown = JSON.parse(row['tables'] ?? '[]');
    return {
      name: row['name'] ?? '',
      isForAllTables: row['is_for_all_tables'] === 'true',
      isOurs: row['is_ours'] === 'true',
      tables: Array.isArray(tables) ? tables.map(String) : [],
    };
  });
}

async function readVersion(connection: Connection, schemaName: string): Promise<number | undefined> {
  try {
    return await readSchemaVersion((text) => connection.query(text), schemaName);
  } catch (thrown) {
    if (thrown instanceof HeadwaterError && thrown.code === 'HW-SOURCE-008') return undefined;
    throw thrown;
  }
}
