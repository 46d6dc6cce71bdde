import type { TableSum } from '../row-sum.ts';
import { TopicFold } from '../topic-fold.ts';
import { soakTables } from './soak-tables.ts';

/** A record as the reader of a log finds it. */
export interface LogRecord {
  readonly id: string;
  /** Undefined for events. */
  readonly table: string | undefined;
  readonly partition?: number;
  /** The change as JSON. */
  readonly value: string;
}

interface ChangeForm {
  readonly op: string;
  readonly before?: Readonly<Record<string, string | null>>;
  readonly after?: Readonly<Record<string, string | null>>;
}

/** `<position>/key`, `<position>/0`: a part of the record at that position. */
const partOfRecord = /^(\d+-\d+-[0-9A-F]+\/[0-9A-F]+-\d+)\/\w+$/;

/**
 * What the reader of a log knows: which records are in it, and what the tables look like by them. A reader of a place that may
 * repeat records drops what it has seen; elsewhere a repetition is a fault.
 */
export class LogFold {
  readonly #mayRepeat: boolean;
  readonly #seen = new Set<string>();
  readonly #folds = new Map(soakTables.map((table) => [table.name, new TopicFold(table)]));
  /** Ids of records, without what tells the parts of one apart. */
  readonly ids: Set<string> = new Set<string>();
  /** What can be in no right log. */
  readonly faults: string[] = [];

  constructor({ mayRepeat }: { readonly mayRepeat: boolean }) {
    this.#mayRepeat = mayRepeat;
  }

  take({ id, partition = 0, table, value }: LogRecord): void {
    if (this.#seen.has(id)) {
      if (!this.#mayRepeat) this.faults.push(`record ${id} stands there twice`);
      return;
    }
    this.#seen.add(id);
    this.ids.add(partOfRecord.exec(id)?.[1] ?? id);
    const fold = table === undefined ? undefined : this.#folds.get(table);
    if (fold === undefined) return;
    try {
      const change = JSON.parse(value) as ChangeForm;
      const keyId = (change.after ?? change.before)?.['id'];
      fold.take({ partition, key: change.op === 'truncate' ? null : JSON.stringify([keyId]), value });
    } catch (error) {
      this.faults.push(`record ${id}: ${String(error)}`);
    }
  }

  /** The sums of the tables, in their order. */
  get sums(): readonly TableSum[] {
    return [...this.#folds.values()].map(({ total }) => total);
  }
}
