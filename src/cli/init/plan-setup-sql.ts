import { addTableSql, createPublicationSql, markPublicationSql } from '../../capture/postgres/source/setup.sql.ts';
import { databaseObjectsVersion, printSql } from '../../postgres/database-objects.ts';
import { parseQualifiedName, quoteQualified } from '../../postgres/quote.ts';
import { printRoleSql } from '../../postgres/roles.ts';
import type { DatabaseFacts } from './read-database.ts';

/** The names that the SQL is about. */
export interface SetupNames {
  readonly publication: string;
  readonly schemaName: string;
  /** `schema.table` of what is to be captured. */
  readonly tables: readonly string[];
  /** Of the grants where the database could not be asked. */
  readonly databaseName: string;
}

/** A part of the SQL and what it is for. */
export interface SetupSection {
  readonly id: 'settings' | 'replica-identity' | 'objects' | 'publication' | 'roles';
  readonly title: string;
  readonly sql: string;
}

/**
 * The SQL that a database still lacks, in the order in which it must run. Pure. Of a database that could not be asked,
 * everything. The slot is not among it: the first start makes it, as the role that reads it.
 */
export function planSetupSql(database: DatabaseFacts, names: SetupNames): readonly SetupSection[] {
  const sections = [
    planSettings(database),
    planIdentities(database, names),
    planObjects(database, names),
    planPublication(database, names),
    planRoles(database, names),
  ];
  return sections.filter((section) => section !== undefined);
}

function planSettings(database: DatabaseFacts): SetupSection | undefined {
  if (database.kind === 'reached' && database.server.walLevel === 'logical') return undefined;
  const found = database.kind === 'reached' ? `it is ${database.server.walLevel}` : 'needed unless it is set already';
  return {
    id: 'settings',
    title: `Setting, as superuser; then restart PostgreSQL (${found})`,
    sql: "alter system set wal_level = 'logical';\n",
  };
}

function planIdentities(database: DatabaseFacts, { tables }: SetupNames): SetupSection | undefined {
  if (database.kind !== 'reached') return undefined;
  const lacking = database.tables.filter(({ name, hasIdentity }) => tables.includes(name) && !hasIdentity);
  if (lacking.length === 0) return undefined;
  return {
    id: 'replica-identity',
    title:
      'Replica identity: without one PostgreSQL refuses UPDATE and DELETE of a published table. A primary key is better',
    sql: lacking.map(({ name }) => `alter table ${quoteName(name)} replica identity full;\n`).join(''),
  };
}

function planObjects(database: DatabaseFacts, { schemaName }: SetupNames): SetupSection | undefined {
  const found = database.kind === 'reached' ? database.objectsVersion : 0;
  if (found === undefined || found >= databaseObjectsVersion) return undefined;
  return {
    id: 'objects',
    title: "Headwater's tables, as an owner. The same as `headwater migrate`",
    sql: printSql(schemaName, found),
  };
}

function planPublication(database: DatabaseFacts, names: SetupNames): SetupSection | undefined {
  const { publication, schemaName } = names;
  // An outbox that is not published would swallow events.
  const tables = [...names.tables, `${schemaName}.outbox`];
  const found =
    database.kind === 'reached' ? database.publications.find(({ name }) => name === publication) : undefined;
  const id = 'publication';
  if (found === undefined) {
    const sql = `${createPublicationSql(publication, tables)};\n${markPublicationSql(publication)};\n`;
    return { id, title: 'Publication, as the owner of the tables with CREATE on the database', sql };
  }
  const missing = tables.filter((name) => !found.isForAllTables && !found.tables.includes(name));
  if (missing.length === 0) return undefined;
  return {
    id,
    title: 'Tables that the publication lacks, as its owner',
    sql: missing.map((name) => `${addTableSql(publication, name)}\n`).join(''),
  };
}

function planRoles(database: DatabaseFacts, { databaseName, schemaName, tables }: SetupNames): SetupSection {
  const options = {
    databaseName: database.kind === 'reached' ? database.server.databaseName : databaseName,
    schemaName,
    copiedTables: tables,
  };
  return {
    id: 'roles',
    title: 'Roles with nothing that they do not need, as superuser; may be run again. Set their passwords yourself',
    sql: `${printRoleSql('capture', options)}\n${printRoleSql('application', options)}`,
  };
}

function quoteName(name: string): string {
  const { schemaName, objectName } = parseQualifiedName(name);
  return quoteQualified(schemaName, objectName);
}
