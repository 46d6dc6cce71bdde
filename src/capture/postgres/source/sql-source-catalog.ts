import { HeadwaterError } from '../../../foundation/error.ts';
import type { Connection, QueryRow } from '../../../postgres/connection.ts';
import type { ConnectionOptions } from '../../../postgres/connection-options.ts';
import { openConnection } from '../../../postgres/pg-connection.ts';
import { isQueryRow } from '../../../postgres/pg-driver.ts';
import { parseQualifiedName, quoteQualified } from '../../../postgres/quote.ts';
import { createPublicationSql, markPublicationSql } from './setup.sql.ts';
import type { SourceCatalog, WatchRequest, WatchResult } from './source-catalog.ts';
import {
  namedTablesSql,
  publicationFactsSql,
  publishedTablesSql,
  serverFactsSql,
  slotFactsSql,
  tableExistsSql,
  watchSql,
  writeMarkSql,
} from './source-facts.sql.ts';
import {
  parseNamedTable,
  parsePublicationFacts,
  parsePublishedTable,
  parseServerFacts,
  parseSlotFacts,
  type NamedTable,
  type PublicationFacts,
  type PublishedTable,
  type ServerFacts,
  type SlotFacts,
} from './source-facts.ts';

/** Catalogs answer in milliseconds. A server that takes longer is frozen, and a new connection is tried. */
const catalogTimeoutMs = 30_000;

/** Opens the catalogs of a server. @throws HW-SOURCE codes of the connection, a pooler among them. */
export async function openSourceCatalog(options: ConnectionOptions, signal?: AbortSignal): Promise<SourceCatalog> {
  return createSourceCatalog(await openConnection({ statementTimeoutMs: catalogTimeoutMs, ...options }, signal));
}

/** The catalogs by a session that the catalog then owns. */
export function createSourceCatalog(connection: Connection): SourceCatalog {
  return new SqlSourceCatalog(connection);
}

class SqlSourceCatalog implements SourceCatalog {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  async readServer(): Promise<ServerFacts> {
    const [row] = await this.#connection.query(serverFactsSql);
    if (row === undefined) throw new HeadwaterError('HW-SOURCE-024', 'the server told nothing about itself');
    return parseServerFacts(row);
  }

  async readSlot(slotName: string): Promise<SlotFacts | undefined> {
    const [row] = await this.#connection.query(slotFactsSql, [slotName]);
    return row === undefined ? undefined : parseSlotFacts(row);
  }

  async readPublications(names: readonly string[]): Promise<readonly PublicationFacts[]> {
    return (await this.#connection.query(publicationFactsSql, [JSON.stringify(names)])).map(parsePublicationFacts);
  }

  async readTables(publicationNames: readonly string[]): Promise<readonly PublishedTable[]> {
    return (await this.#connection.query(publishedTablesSql, [JSON.stringify(publicationNames)])).map(
      parsePublishedTable,
    );
  }

  async readNamedTables(names: readonly string[], publicationNames: readonly string[]): Promise<readonly NamedTable[]> {
    if (names.length === 0) return [];
    const wanted = names.map((name) => {
      const { schemaName, objectName } = parseQualifiedName(name);
      return { name, schema_name: schemaName, table_name: objectName };
    });
    const values = [JSON.stringify(wanted), JSON.stringify(publicationNames)];
    return (await this.#connection.query(namedTablesSql, values)).map(parseNamedTable);
  }

  async hasTable(name: string): Promise<boolean> {
    const { schemaName, objectName } = parseQualifiedName(name);
    const [row] = await this.#connection.query(tableExistsSql, [quoteQualified(schemaName, objectName)]);
    return row?.['is_there'] === 'true';
  }

  async createPublication(name: string, tables: readonly string[]): Promise<void> {
    await this.#connection.query('begin');
    try {
      await this.#connection.query(createPublicationSql(name, tables));
      await this.#connection.query(markPublicationSql(name));
      await this.#connection.query('commit');
    } catch (thrown) {
      // The first error is the one to report; a connection that is gone has rolled back by itself.
      await this.#connection.query('rollback').catch(() => undefined);
      throw thrown;
    }
  }

  async writeMark(): Promise<void> {
    await this.#connection.query(writeMarkSql);
  }

  async watch(request: WatchRequest): Promise<WatchResult> {
    const values = [request.slotName, JSON.stringify(request.publicationNames)];
    const { canary } = request;
    const [row] =
      canary === undefined
        ? await this.#connection.query(watchSql('none'), values)
        : await this.#connection.query(watchSql('emitted'), [...values, canary]);
    const [slot] = parseRows(row?.['slots']);
    return {
      slot: slot === undefined ? undefined : parseSlotFacts(slot),
      publications: parseRows(row?.['publications']).map(parsePublicationFacts),
      tablesDigest: row?.['tables_digest'] ?? '',
    };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Rows that came as a JSON array of objects of text values. */
function parseRows(json: string | null | undefined): readonly QueryRow[] {
  const rows: unknown = JSON.parse(json ?? '[]');
  return Array.isArray(rows) ? rows.filter(isQueryRow) : [];
}
