import type { NamedTable, PublicationFacts, PublishedTable, ServerFacts, SlotFacts } from './source-facts.ts';

/** What one regular look at the source asks for. */
export interface WatchRequest {
  readonly slotName: string;
  readonly publicationNames: readonly string[];
  /** Content of a canary message to write; undefined: none. */
  readonly canary: string | undefined;
}

/** What one look found. `slot` is undefined when there is none of that name; missing publications are left out. */
export interface WatchResult {
  readonly slot: SlotFacts | undefined;
  readonly publications: readonly PublicationFacts[];
  /** Changes whenever the set of published tables does. */
  readonly tablesDigest: string;
}

/**
 * What capture asks of a server besides the stream: catalogs, the canary, and a missing publication. A session of its own,
 * one caller. The simulator has one without a server.
 *
 * Every method throws HW-SOURCE codes of the connection.
 */
export interface SourceCatalog {
  readonly isOpen: boolean;
  readServer(): Promise<ServerFacts>;
  /** Undefined: there is no such slot. */
  readSlot(slotName: string): Promise<SlotFacts | undefined>;
  /** Those that exist. */
  readPublications(names: readonly string[]): Promise<readonly PublicationFacts[]>;
  readTables(publicationNames: readonly string[]): Promise<readonly PublishedTable[]>;
  /** What the tables of these names, `schema.table`, are to the publications. One for each name. */
  readNamedTables(names: readonly string[], publicationNames: readonly string[]): Promise<readonly NamedTable[]>;
  /** Whether a table of that name, `schema.table`, exists. */
  hasTable(name: string): Promise<boolean>;
  createPublication(name: string, tables: readonly string[]): Promise<void>;
  /** Commits a transaction that holds nothing but a mark of ours, so that the stream passes what was committed before. */
  writeMark(): Promise<void>;
  /** One statement for all that is looked at while nothing happens. */
  watch(request: WatchRequest): Promise<WatchResult>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Opens a session of its own to the catalogs of the source. @throws HW-SOURCE codes of the connection */
export type CatalogConnector = (signal: AbortSignal | undefined) => Promise<SourceCatalog>;
