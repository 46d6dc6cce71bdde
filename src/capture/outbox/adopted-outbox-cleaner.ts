import { HeadwaterError } from '../../foundation/error.ts';
import type { Connection } from '../../postgres/connection.ts';
import { quoteQualified } from '../../postgres/quote.ts';
import {
  deletePublishedSql,
  identityTypeSql,
  markPublishedSql,
  type AdoptedTable,
} from './adopted-outbox-cleaner.sql.ts';

/** What happens to rows whose events are in the journal: nothing, `published = true`, or deletion. */
export type CleanUpMode = 'none' | 'mark' | 'delete';

/** What a cleaner works on. The connection is lent: its owner closes it. */
export interface AdoptedOutboxCleanerOptions {
  readonly connection: Connection;
  readonly table: AdoptedTable;
  readonly mode: CleanUpMode;
  /** Rows of one statement, each a transaction of its own. Default 500. */
  readonly batchRowCount?: number;
}

/**
 * Cleans an outbox table that the application had before Headwater. It knows no journal: whoever calls it passes the ids of
 * events that were read from one, and a journal gives out only what is durable. So a row is never cleaned ahead of it.
 *
 * The UPDATEs and DELETEs that it makes come back through the slot, where they are counted and never become events.
 */
export class AdoptedOutboxCleaner {
  readonly #options: AdoptedOutboxCleanerOptions;
  #idType: string | undefined;

  constructor(options: AdoptedOutboxCleanerOptions) {
    this.#options = options;
  }

  /**
   * Cleans the rows with these ids and resolves with how many there were to clean. Batches that were done stay done when a
   * later one fails; the same ids may be passed again.
   * @throws HW-SOURCE codes: no right, connection lost; HW-SOURCE-035 when the table has no column `id`.
   */
  async clean(ids: readonly string[], signal?: AbortSignal): Promise<number> {
    const { batchRowCount = 500, connection, mode, table } = this.#options;
    if (mode === 'none' || ids.length === 0) return 0;
    this.#idType ??= await this.#readIdType(signal);
    const sql = mode === 'mark' ? markPublishedSql(table, this.#idType) : deletePublishedSql(table, this.#idType);
    let cleanedCount = 0;
    for (let start = 0; start < ids.length; start += batchRowCount) {
      const batch = JSON.stringify(ids.slice(start, start + batchRowCount));
      const [row] = await connection.query(sql, [batch], signal);
      cleanedCount += Number(row?.['row_count'] ?? 0);
    }
    return cleanedCount;
  }

  async #readIdType(signal: AbortSignal | undefined): Promise<string> {
    const { connection, table } = this.#options;
    const name = quoteQualified(table.schemaName, table.tableName);
    const [row] = await connection.query(identityTypeSql, [name], signal);
    const typeName = row?.['type_name'];
    if (typeof typeName === 'string') return typeName;
    throw new HeadwaterError('HW-SOURCE-035', `the adopted outbox ${name} does not exist or has no column id`);
  }
}
