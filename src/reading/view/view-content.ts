import { HeadwaterError } from '../../foundation/error.ts';
import type { ViewRow, ViewTableDefinition } from './view-definition.ts';

/** A row as it is held, with what the indexes say of it. */
export interface HeldRow {
  readonly row: ViewRow;
  /** In the order of the definition's indexes; null: not in that index. */
  readonly indexTexts: readonly (string | null)[];
  /** About its bytes in memory, those of its places in the indexes too. */
  readonly byteCount: number;
}

/** What a transaction makes of a table, ready to be shown: `null` is a row that goes. */
export interface ContentChange {
  /** Every row that is held goes first. */
  readonly isTruncated: boolean;
  readonly rows: ReadonlyMap<string, HeldRow | null>;
  readonly aggregates: ReadonlyMap<string, unknown>;
}

/** The rows of one table that readers see. It only changes by whole transactions, in one go. */
export class ViewContent {
  readonly #definition: ViewTableDefinition;
  readonly #rows = new Map<string, HeldRow>();
  readonly #indexes: ReadonlyMap<string, Map<string, Set<string>>>;
  #aggregates: ReadonlyMap<string, unknown>;
  #byteCount = 0;

  constructor(definition: ViewTableDefinition) {
    this.#definition = definition;
    this.#indexes = new Map([...definition.indexes.keys()].map((name) => [name, new Map<string, Set<string>>()]));
    this.#aggregates = initialAggregates(definition);
  }

  get rowCount(): number {
    return this.#rows.size;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get(key: string): HeldRow | undefined {
    return this.#rows.get(key);
  }

  rows(): IterableIterator<HeldRow> {
    return this.#rows.values();
  }

  aggregate(name: string): unknown {
    if (this.#aggregates.has(name)) return this.#aggregates.get(name);
    throw new HeadwaterError('HW-VIEW-012', `${this.#definition.source} has no aggregate "${name}"`);
  }

  /** Rows whose index has this text, in no certain order. */
  find(indexName: string, text: string): readonly ViewRow[] {
    const index = this.#indexes.get(indexName);
    if (index === undefined) {
      throw new HeadwaterError('HW-VIEW-012', `${this.#definition.source} has no index "${indexName}"`);
    }
    const found: ViewRow[] = [];
    for (const key of index.get(text) ?? []) {
      const held = this.#rows.get(key);
      if (held !== undefined) found.push(held.row);
    }
    return found;
  }

  /** Shows a change. Calls no function of the user's and cannot fail, so that a reader never meets a part of it. */
  apply({ aggregates, isTruncated, rows }: ContentChange): void {
    if (isTruncated) this.clear();
    for (const [key, held] of rows) {
      this.#take(key);
      if (held !== null) this.#put(key, held);
    }
    this.#aggregates = aggregates;
  }

  clear(): void {
    this.#rows.clear();
    for (const index of this.#indexes.values()) index.clear();
    this.#aggregates = initialAggregates(this.#definition);
    this.#byteCount = 0;
  }

  #take(key: string): void {
    const held = this.#rows.get(key);
    if (held === undefined) return;
    this.#rows.delete(key);
    this.#byteCount -= held.byteCount;
    this.#eachIndex(held, (index, text) => {
      const keys = index.get(text);
      keys?.delete(key);
      if (keys?.size === 0) index.delete(text);
    });
  }

  #put(key: string, held: HeldRow): void {
    this.#rows.set(key, held);
    this.#byteCount += held.byteCount;
    this.#eachIndex(held, (index, text) => {
      const keys = index.get(text);
      if (keys === undefined) index.set(text, new Set([key]));
      else keys.add(key);
    });
  }

  #eachIndex({ indexTexts }: HeldRow, visit: (index: Map<string, Set<string>>, text: string) => void): void {
    let place = 0;
    for (const index of this.#indexes.values()) {
      const text = indexTexts[place];
      if (text !== null && text !== undefined) visit(index, text);
      place += 1;
    }
  }
}

/** The aggregates of a table without rows. */
export function initialAggregates({ aggregates }: ViewTableDefinition): ReadonlyMap<string, unknown> {
  return new Map([...aggregates].map(([name, { initial }]) => [name, initial]));
}
