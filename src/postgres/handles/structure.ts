import type { ResultRow } from '../transaction-handle.ts';

/** The rows of a result that is a list, or in the form of node-postgres; none where it has neither form. */
export function readRows(result: unknown): readonly ResultRow[] {
  if (Array.isArray(result)) return result.filter(isResultRow);
  if (!isObject(result) || !('rows' in result) || !Array.isArray(result.rows)) return [];
  return result.rows.filter(isResultRow);
}

function isResultRow(row: unknown): row is ResultRow {
  return isObject(row);
}

/** Neither a primitive, nor null, nor a function. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Some libraries give functions that carry their methods. */
export function isObjectOrFunction(value: unknown): value is object {
  return isObject(value) || typeof value === 'function';
}

/** Own or inherited. */
export function hasFunction<Name extends string>(value: object, name: Name): value is Record<Name, () => unknown> {
  return typeof Reflect.get(value, name) === 'function';
}
