import type { RecordStatements } from '../../record-statements.ts';

/** What a column of the target holds. */
export type ColumnSource =
  /** A column of the source. */
  | string
  /** The same text in every row. */
  | { readonly value: string | null }
  /**
   * What the function makes of the columns in `from`, which come in that order, each as PostgreSQL's own text. Pure: asked again
   * when a transaction is repeated. What it returns is read by the input function of the target's type.
   */
  | { readonly from: readonly string[]; readonly value: (...values: (string | null)[]) => string | null };

/** Where a source table goes. */
export interface TableTarget {
  /** `schema.table` in the target. Default: the name it has in the source. */
  readonly name?: string;
  /**
   * Key columns: for a table with REPLICA IDENTITY FULL whose target has no primary key; with `columns`, those of the target by
   * which rows are written and deleted. Default: the replica identity.
   */
  readonly key?: readonly string[];
  /** What is written, by columns of the target; all others of the target are left alone. Default: the columns of the source. */
  readonly columns?: Readonly<Record<string, ColumnSource>>;
}

/** A client of a pool, as `pg` has it: structural, so that any version fits. */
export interface LentClient {
  query(text: string, values?: readonly unknown[]): Promise<unknown>;
  release(destroy?: boolean | Error): void;
  on?(event: 'error', listener: (error: Error) => void): unknown;
  removeListener?(event: 'error', listener: (error: Error) => void): unknown;
}

/** A pool of the user. One client of it is held while the lane delivers. */
export interface LentPool {
  connect(): Promise<LentClient>;
}

interface CommonOptions {
  /** Schema of the checkpoint table in the target. Default `headwater`. */
  readonly schema?: string;
  /** How long one statement may take before the write is given up and looked up. Default 60,000 ms. */
  readonly statementTimeoutMs?: number;
}

interface UrlOptions {
  /**
   * `postgres://user:password@host:port/database`; a function is asked at every connect. Without `sslmode`, TLS is verified.
   * Undefined, as a variable of the environment that is not set, is refused at once.
   */
  readonly url: string | (() => string | Promise<string>) | undefined;
  readonly pool?: never;
  readonly target?: string;
}

interface PoolOptions {
  readonly pool: LentPool;
  /** For status and refusals: host and database, without secrets. A lane that leads to another target is refused. */
  readonly target: string;
  readonly url?: never;
}

interface MirrorOptions {
  /** Source tables (`schema.table`) that have another name or another key in the target. The others keep theirs. */
  readonly tables?: Readonly<Record<string, string | TableTarget>>;
  /** Default `if-missing`: missing tables and columns of tables made here are added. `never`: they are refused. */
  readonly create?: 'if-missing' | 'never';
  readonly statements?: never;
}

interface StatementOptions {
  /** Runs these instead of mirroring rows. Events are passed too. */
  readonly statements: RecordStatements;
  readonly tables?: never;
  readonly create?: never;
}

/** What `postgresSink` takes: an address or a pool, and tables to mirror or statements to run. */
export type PostgresSinkOptions = CommonOptions & (UrlOptions | PoolOptions) & (MirrorOptions | StatementOptions);
