import { assertInvariant } from '../../../foundation/assert.ts';

/** A column as the target has it. */
export interface FoundColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** With its schema, quoted, without length. */
  readonly sqlType: string;
  /** For people. */
  readonly typeText: string;
  /** NOT NULL, and nobody but the writer can fill it. */
  readonly isRequired: boolean;
  readonly isGenerated: boolean;
}

/** A unique index as the target has it. */
export interface FoundKey {
  readonly columns: readonly string[];
  readonly isPrimary: boolean;
  /** Usable for ON CONFLICT: whole, of columns alone, checked at once. */
  readonly isPlain: boolean;
}

/** A table as the target has it. */
export interface FoundTable {
  /** `pg_class.relkind`. */
  readonly kind: string;
  readonly columns: readonly FoundColumn[];
  readonly uniqueKeys: readonly FoundKey[];
  /** Foreign keys that act or cannot wait, exclusion constraints, triggers and rules. */
  readonly watcherCount: number;
}

/** Reads the JSON of `readTableQuery`, which is our own. */
export function parseFoundTable(text: unknown): FoundTable {
  assertInvariant(typeof text === 'string', 'the catalog query answers with JSON');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement that builds the text stands beside this type
  const value = JSON.parse(text) as Omit<FoundTable, 'columns'> & { readonly columns: readonly FoundColumn[] | null };
  return { ...value, columns: value.columns ?? [] };
}
