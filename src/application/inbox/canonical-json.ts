/**
 * JSON with the members of objects in the order of their names, so that equal values have equal texts. Undefined for what JSON would
 * lose: bigint, NaN, a function, a Map, a value that refers to itself. Pure.
 */
export function canonicalJson(value: unknown): string | undefined {
  try {
    return write(value, new Set());
  } catch {
    // What toJSON of a value throws.
    return undefined;
  }
}

function write(given: unknown, parents: Set<object>): string | undefined {
  const value = takeToJson(given);
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : undefined;
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || parents.has(value)) return undefined;
  parents.add(value);
  const text = Array.isArray(value) ? writeArray(value, parents) : writeObject(value, parents);
  parents.delete(value);
  return text;
}

function takeToJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('toJSON' in value) || typeof value.toJSON !== 'function')
    return value;
  return Reflect.apply(value.toJSON, value, ['']);
}

function writeArray(values: readonly unknown[], parents: Set<object>): string | undefined {
  const texts = values.map((value) => write(value, parents));
  return texts.includes(undefined) ? undefined : `[${texts.join(',')}]`;
}

function writeObject(value: object, parents: Set<object>): string | undefined {
  if (Object.prototype.toString.call(value) !== '[object Object]') return undefined;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (member === undefined) continue;
    const text = write(member, parents);
    if (text === undefined) return undefined;
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(',')}}`;
}
