import { assertInvariant, unreachable } from '../foundation/assert.ts';
import { type Row, unchanged } from '../model/row.ts';
import { type FullRow, isSameKey, type KeyValues, type MirrorTable, type RowEffect } from './row-effect.ts';

/** A table whose statements are planned for many rows at once. */
export interface FoldableTable extends MirrorTable {
  /**
   * Whether only the final state of each row matters: nothing in the target but the key constrains or watches single
   * statements. Otherwise the order of the source is kept statement by statement.
   */
  readonly canFold: boolean;
}

/** One statement of the target, for many rows of one table. */
export type RowOperation<Table> =
  | { readonly kind: 'upsert'; readonly table: Table; readonly rows: readonly FullRow[] }
  | { readonly kind: 'append'; readonly table: Table; readonly rows: readonly FullRow[] }
  | { readonly kind: 'delete'; readonly table: Table; readonly keys: readonly KeyValues[] }
  /** Sets the columns with these indexes; every key must be there, or may be missing where a copy brings the row. */
  | {
      readonly kind: 'update';
      readonly table: Table;
      readonly columnIndexes: readonly number[];
      readonly keys: readonly KeyValues[];
      readonly rows: readonly Row[];
      readonly mayBeMissing?: boolean;
    }
  | {
      readonly kind: 'truncate';
      readonly tables: readonly Table[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    };

/**
 * Turns effects into few statements. Nobody sees a moment between two statements of one target transaction, so where nothing
 * in the target watches single statements, only the last state of each row is written; elsewhere effects keep their order and
 * only neighbours of one table and kind share a statement. Pure.
 */
export function planOperations<Table extends FoldableTable>(
  effects: readonly RowEffect<Table>[],
): readonly RowOperation<Table>[] {
  return effects.every(isFoldable) ? foldEffects(effects) : joinNeighbours(effects);
}

function isFoldable<Table extends FoldableTable>(effect: RowEffect<Table>): boolean {
  return effect.kind === 'truncate' ? effect.tables.every(({ canFold }) => canFold) : effect.table.canFold;
}

type KeyedEffect<Table> = Extract<RowEffect<Table>, { kind: 'put' | 'patch' | 'remove' }>;

interface TableFold<Table> {
  readonly last: Map<string, KeyedEffect<Table>>;
  readonly appended: FullRow[];
}

function foldEffects<Table extends FoldableTable>(
  effects: readonly RowEffect<Table>[],
): readonly RowOperation<Table>[] {
  const operations: RowOperation<Table>[] = [];
  let folds = new Map<Table, TableFold<Table>>();
  const flush = (): void => {
    for (const [table, fold] of folds) operations.push(...unfold(table, fold));
    folds = new Map();
  };
  for (const effect of effects) {
    if (effect.kind === 'truncate') {
      flush();
      operations.push(effect);
      continue;
    }
    const fold = foldOf(folds, effect.table);
    if (effect.kind === 'append') {
      fold.appended.push(effect.row);
      continue;
    }
    const key = keyText(effect.key);
    const earlier = fold.last.get(key);
    if (effect.kind === 'patch' && !mergesInto(effect, earlier)) {
      flush();
      operations.push(...joinNeighbours([effect]));
      continue;
    }
    fold.last.set(key, mergeEffect(effect, earlier));
  }
  flush();
  return operations;
}

function foldOf<Table>(folds: Map<Table, TableFold<Table>>, table: Table): TableFold<Table> {
  const known = folds.get(table);
  if (known !== undefined) return known;
  const fold = { last: new Map(), appended: [] };
  folds.set(table, fold);
  return fold;
}

/** A patch that moves the row to another key, or meets a row that is gone, is left to the target to decide on. */
function mergesInto<Table extends FoldableTable>(
  patch: Extract<RowEffect<Table>, { kind: 'patch' }>,
  earlier: KeyedEffect<Table> | undefined,
): boolean {
  const keepsKey = isSameKey(
    patch.key,
    patch.table.keyIndexes.map((index) => String(patch.row[index])),
  );
  return keepsKey && earlier?.kind !== 'remove';
}

function mergeEffect<Table>(effect: KeyedEffect<Table>, earlier: KeyedEffect<Table> | undefined): KeyedEffect<Table> {
  if (effect.kind !== 'patch' || earlier === undefined || earlier.kind === 'remove') return effect;
  const row = effect.row.map((value, index) => (value === unchanged ? (earlier.row[index] ?? null) : value));
  const full = row.filter((value) => value !== unchanged);
  return full.length === row.length
    ? { ...effect, kind: earlier.kind === 'put' ? 'put' : 'patch', row: full }
    : { ...effect, row };
}

/** Of each key there is one effect, so that all of a kind share a statement; of patches those that know the same columns. */
function unfold<Table extends FoldableTable>(table: Table, fold: TableFold<Table>): readonly RowOperation<Table>[] {
  const keys: KeyValues[] = [];
  const patches: Extract<KeyedEffect<Table>, { kind: 'patch' }>[] = [];
  const rows: FullRow[] = [];
  for (const effect of fold.last.values()) {
    if (effect.kind === 'put') rows.push(effect.row);
    else if (effect.kind === 'remove') keys.push(effect.key);
    else patches.push(effect);
  }
  patches.sort((left, right) => (signature(left.row) < signature(right.row) ? -1 : 1));
  const operations: RowOperation<Table>[] = [];
  if (keys.length > 0) operations.push({ kind: 'delete', table, keys });
  operations.push(...joinNeighbours(patches));
  if (rows.length > 0) operations.push({ kind: 'upsert', table, rows });
  if (fold.appended.length > 0) operations.push({ kind: 'append', table, rows: fold.appended });
  return operations;
}

/** Statements in the order of the effects. A statement never meets the same key twice. */
function joinNeighbours<Table extends FoldableTable>(
  effects: readonly RowEffect<Table>[],
): readonly RowOperation<Table>[] {
  const operations: RowOperation<Table>[] = [];
  let run: RowEffect<Table>[] = [];
  let keys = new Set<string>();
  const end = (): void => {
    if (run.length > 0) operations.push(toOperation(run));
    run = [];
    keys = new Set();
  };
  for (const effect of effects) {
    const first = run[0];
    const key = effect.kind === 'append' || effect.kind === 'truncate' ? undefined : keyText(effect.key);
    if (first !== undefined && (!isJoinable(first, effect) || (key !== undefined && keys.has(key)))) end();
    run.push(effect);
    if (key !== undefined) keys.add(key);
  }
  end();
  return operations;
}

function isJoinable<Table extends FoldableTable>(first: RowEffect<Table>, next: RowEffect<Table>): boolean {
  if (first.kind === 'truncate' || next.kind === 'truncate') return false;
  if (first.kind !== next.kind || first.table !== next.table) return false;
  if (first.kind !== 'patch' || next.kind !== 'patch') return true;
  return first.mayBeMissing === next.mayBeMissing && signature(first.row) === signature(next.row);
}

function toOperation<Table extends FoldableTable>(run: readonly RowEffect<Table>[]): RowOperation<Table> {
  const [first] = run;
  assertInvariant(first !== undefined, 'a run of effects has a first one');
  switch (first.kind) {
    case 'truncate':
      return first;
    case 'put':
      return {
        kind: 'upsert',
        table: first.table,
        rows: run.flatMap((effect) => (effect.kind === 'put' ? [effect.row] : [])),
      };
    case 'append':
      return {
        kind: 'append',
        table: first.table,
        rows: run.flatMap((effect) => (effect.kind === 'append' ? [effect.row] : [])),
      };
    case 'remove':
      return {
        kind: 'delete',
        table: first.table,
        keys: run.flatMap((effect) => (effect.kind === 'remove' ? [effect.key] : [])),
      };
    case 'patch': {
      const patches = run.filter((effect) => effect.kind === 'patch');
      const columnIndexes = first.row.flatMap((value, index) => (value === unchanged ? [] : [index]));
      return {
        kind: 'update',
        table: first.table,
        columnIndexes,
        keys: patches.map(({ key }) => key),
        rows: patches.map(({ row }) => row),
        ...(first.mayBeMissing === true ? { mayBeMissing: true } : {}),
      };
    }
    default:
      return unreachable(first);
  }
}

/** Which columns are known, as text. */
function signature(row: Row): string {
  return row.map((value) => (value === unchanged ? '-' : '+')).join('');
}

/** NUL cannot stand in a value, so nothing else joins to the same text. */
function keyText(key: KeyValues): string {
  return key.length === 1 ? (key[0] ?? '') : key.join('\0');
}
