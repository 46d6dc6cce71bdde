import { unreachable } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { RowChange } from '../../model/journal-record.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import { planLayout, type RowLayout } from './row-layout.ts';
import { planSteps, type RowStep } from './row-step.ts';
import type { ViewRow, ViewTableDefinition } from './view-definition.ts';
import { initialAggregates, type HeldRow, type ViewContent } from './view-content.ts';

/** Of an object, its entry in a map and its key; of a value; of a place in an index. Rather too much than too little. */
const rowByteCount = 160;
const valueByteCount = 32;
const indexByteCount = 120;
const removedByteCount = 80;

/**
 * What transactions on their way make of one table, beside the content that readers see. Whatever can fail (a key, a column, a
 * function of the user's) fails here, before anything is shown.
 */
export class TableStage {
  readonly #definition: ViewTableDefinition;
  readonly #content: ViewContent;
  readonly #layouts = new WeakMap<TableSchema, RowLayout>();
  readonly #rows = new Map<string, HeldRow | null>();
  #isTruncated = false;
  #byteCount = 0;

  constructor(definition: ViewTableDefinition, content: ViewContent) {
    this.#definition = definition;
    this.#content = content;
  }

  /** About the bytes of what is staged, beside those that are shown. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /**
   * Takes a change in. `mayLackRows`: older rows of the table have not all come.
   * @throws HW-VIEW-003, HW-VIEW-004, HW-VIEW-006, HW-VIEW-007, HW-VIEW-008
   */
  stage(change: RowChange, mayLackRows: boolean): void {
    let layout = this.#layouts.get(change.table);
    if (layout === undefined) {
      layout = planLayout(this.#definition, change.table);
      this.#layouts.set(change.table, layout);
    }
    for (const step of planSteps(change, layout)) this.#take(step, { isStrict: !layout.isKeyUnique, mayLackRows });
  }

  truncate(): void {
    this.discard();
    this.#isTruncated = true;
  }

  discard(): void {
    this.#rows.clear();
    this.#isTruncated = false;
    this.#byteCount = 0;
  }

  /** The change with the aggregates that follow from it; undefined when nothing is staged. @throws HW-VIEW-008 */
  plan(): { readonly show: () => void } | undefined {
    if (this.#rows.size === 0 && !this.#isTruncated) return undefined;
    const aggregates = this.#planAggregates();
    const show = (): void => {
      this.#content.apply({ isTruncated: this.#isTruncated, rows: this.#rows, aggregates });
      this.discard();
    };
    return { show };
  }

  #take(step: RowStep, { isStrict, mayLackRows }: { readonly isStrict: boolean; readonly mayLackRows: boolean }): void {
    switch (step.kind) {
      case 'remove':
        this.#set(step.key, null);
        break;
      case 'put':
        if (step.isNew && isStrict && !mayLackRows) this.#assertFree(step.key);
        this.#set(step.key, this.#hold(step.key, step.row));
        break;
      case 'change': {
        const former = this.#find(step.formerKey);
        if (former === undefined) {
          // A copy brings the row whole, or the view says that it lacks rows: a fragment is never shown.
          if (mayLackRows) return;
          throw this.#refuse(
            'HW-VIEW-006',
            `a row of ${this.#definition.source} that is to be changed is not in the view`,
          );
        }
        if (step.key !== step.formerKey) {
          if (isStrict && !mayLackRows) this.#assertFree(step.key);
          this.#set(step.formerKey, null);
        }
        this.#set(step.key, this.#hold(step.key, { ...former.row, ...definedOnly(step.values) }));
        break;
      }
      default:
        unreachable(step);
    }
  }

  #find(key: string): HeldRow | undefined {
    const staged = this.#rows.get(key);
    if (staged !== undefined) return staged ?? undefined;
    return this.#isTruncated ? undefined : this.#content.get(key);
  }

  #assertFree(key: string): void {
    if (this.#find(key) === undefined) return;
    throw this.#refuse('HW-VIEW-007', `two rows of ${this.#definition.source} have the same key in the view`);
  }

  #set(key: string, held: HeldRow | null): void {
    const before = this.#rows.get(key);
    if (before !== undefined) this.#byteCount -= before === null ? removedByteCount : before.byteCount;
    this.#byteCount += held === null ? removedByteCount : held.byteCount;
    this.#rows.set(key, held);
  }

  #hold(key: string, row: ViewRow): HeldRow {
    Object.freeze(row);
    const { source } = this.#definition;
    const indexTexts: (string | null)[] = [];
    let byteCount = rowByteCount + 2 * key.length;
    for (const value of Object.values(row)) byteCount += valueByteCount + 2 * (value?.length ?? 0);
    for (const [name, textOf] of this.#definition.indexes) {
      const text = callFunction(`index "${name}" of ${source}`, () => textOf(row));
      if (text !== null && typeof text !== 'string') {
        throw this.#refuse('HW-VIEW-008', `index "${name}" of ${source} gave no text and not null`);
      }
      indexTexts.push(text);
      if (text !== null) byteCount += indexByteCount + 2 * text.length;
    }
    return { row, indexTexts, byteCount };
  }

  #planAggregates(): ReadonlyMap<string, unknown> {
    const { aggregates, source } = this.#definition;
    const planned = new Map<string, unknown>(this.#isTruncated ? initialAggregates(this.#definition) : []);
    for (const [name, aggregate] of aggregates) {
      let value = planned.has(name) ? planned.get(name) : this.#content.aggregate(name);
      value = callFunction(`aggregate "${name}" of ${source}`, () => {
        let next = value;
        for (const [key, held] of this.#rows) {
          const former = this.#isTruncated ? undefined : this.#content.get(key);
          if (former !== undefined) next = aggregate.remove(next, former.row);
          if (held !== null) next = aggregate.add(next, held.row);
        }
        return next;
      });
      planned.set(name, value);
    }
    return planned;
  }

  #refuse(code: 'HW-VIEW-006' | 'HW-VIEW-007' | 'HW-VIEW-008', message: string): HeadwaterError {
    return new HeadwaterError(code, message, { details: { table: this.#definition.source } });
  }
}

function callFunction<Result>(name: string, call: () => Result): Result {
  try {
    return call();
  } catch (thrown) {
    throw new HeadwaterError('HW-VIEW-008', `${name} threw`, { cause: thrown });
  }
}

function definedOnly(values: Partial<ViewRow>): Record<string, string | null> {
  const defined: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) defined[name] = value;
  return defined;
}
