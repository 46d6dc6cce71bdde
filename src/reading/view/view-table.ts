import { HeadwaterError } from '../../foundation/error.ts';
import { keyText } from './row-step.ts';
import type { ViewContent } from './view-content.ts';
import type { ViewTableDefinition } from './view-definition.ts';
import type { ViewState } from './view-state.ts';

/** A table as a reader sees it: the state behind the position of the view. */
export interface ViewTable<Row, Index extends string, Values> {
  readonly size: number;
  /** The row of that key: the text, or of a key of several columns their texts in order. */
  get(key: string | readonly string[]): Row | undefined;
  has(key: string | readonly string[]): boolean;
  /**
   * All rows, in no certain order.
   * @throws HW-VIEW-011 when the view moves before the walk has ended
   */
  rows(): Iterable<Row>;
  /** The rows of which the index has this text, in no certain order. */
  findBy(index: Index, text: string): readonly Row[];
  aggregate<Name extends keyof Values & string>(name: Name): Values[Name];
}

/** The tables that a reader is given, under the names of the definition. */
export type ViewTables<Definitions> = {
  readonly [Name in keyof Definitions]: Definitions[Name] extends ViewTableDefinition<
    infer Row,
    infer Index,
    infer Values
  >
    ? ViewTable<Row, Index, Values>
    : never;
};

/** Makes the tables that readers are given, once for a view. */
export function createTables<Definitions extends Readonly<Record<string, ViewTableDefinition>>>(
  definitions: Definitions,
  state: ViewState,
): ViewTables<Definitions> {
  const tables = Object.entries(definitions).map(([name, { source }]) => {
    const content = state.content(source);
    return [name, content === undefined ? undefined : createTable(content, state)] as const;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rows have the columns of the definition that their type was made from.
  return Object.fromEntries(tables) as ViewTables<Definitions>;
}

function createTable(content: ViewContent, state: ViewState): ViewTable<object, string, Record<string, unknown>> {
  const get = (key: string | readonly string[]): object | undefined => content.get(keyText(key))?.row;
  return {
    get size() {
      return content.rowCount;
    },
    get,
    has: (key) => get(key) !== undefined,
    rows: () => walk(content, state),
    findBy: (index, text) => content.find(index, text),
    aggregate: (name) => content.aggregate(name),
  };
}

function* walk(content: ViewContent, state: ViewState): Generator<object> {
  const { version } = state;
  for (const { row } of content.rows()) {
    if (state.version !== version) {
      throw new HeadwaterError('HW-VIEW-011', `view "${state.name}" moved while its rows were walked through`);
    }
    yield row;
  }
}
