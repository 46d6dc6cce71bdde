import type { JsonSchema } from '../emit/events.ts';

/** One difference between two forms of a payload that both call themselves the same version. */
export interface SchemaDifference {
  /** Where, as a path of properties; empty for the whole. */
  readonly path: string;
  readonly level: 'breaking' | 'compatible';
  readonly message: string;
}

/*
 * Readers of the new form meet events that were written in the old one, which the journal keeps, and readers of the old form
 * meet new events until they are deployed again. So a form may change without a new version only where both go on: an optional
 * property more, or words about it. Everything else is breaking, also what merely cannot be judged. Pure.
 */

/** Says nothing about which values fit. */
const annotations: ReadonlySet<string> = new Set([
  '$comment',
  '$id',
  '$schema',
  'default',
  'deprecated',
  'description',
  'examples',
  'readOnly',
  'title',
  'writeOnly',
]);
/** Compared by their own rules. */
const objectKeywords: ReadonlySet<string> = new Set(['properties', 'required', '$defs', 'definitions']);

/** What differs between the released form and the present one. */
export function compareSchemas(released: JsonSchema, present: JsonSchema): readonly SchemaDifference[] {
  return compareAt('', { schema: released, root: released }, { schema: present, root: present }, 0);
}

interface Side {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

/** A schema that refers to itself is compared so far, and then by its text. */
const depthMax = 64;

function compareAt(path: string, releasedSide: Side, presentSide: Side, depth: number): readonly SchemaDifference[] {
  const released = resolveReference(releasedSide);
  const present = resolveReference(presentSide);
  if (depth > depthMax || isSame(released.schema, present.schema)) return [];
  const keywords = new Set([...Object.keys(released.schema), ...Object.keys(present.schema)]);
  const changed = [...keywords]
    .filter((keyword) => !annotations.has(keyword) && !objectKeywords.has(keyword))
    .filter((keyword) => !['items'].includes(keyword) || !areSchemas(released.schema[keyword], present.schema[keyword]))
    .filter((keyword) => !isSame(released.schema[keyword], present.schema[keyword]))
    .map((keyword) =>
      breaking(path, `${keyword} was ${write(released.schema[keyword])} and is ${write(present.schema[keyword])}`),
    );
  return [
    ...changed,
    ...compareItems(path, released, present, depth),
    ...compareProperties(path, released, present, depth),
  ];
}

function compareItems(path: string, released: Side, present: Side, depth: number): readonly SchemaDifference[] {
  const [before, after] = [released.schema['items'], present.schema['items']];
  if (!isSchema(before) || !isSchema(after)) return [];
  return compareAt(join(path, '[]'), { ...released, schema: before }, { ...present, schema: after }, depth + 1);
}

function compareProperties(path: string, released: Side, present: Side, depth: number): readonly SchemaDifference[] {
  const [before, after] = [propertiesOf(released.schema), propertiesOf(present.schema)];
  const [wasRequired, isRequired] = [requiredOf(released.schema), requiredOf(present.schema)];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const at = join(path, name);
    const [releasedProperty, presentProperty] = [before[name], after[name]];
    if (presentProperty === undefined) return [breaking(at, 'was removed')];
    if (releasedProperty === undefined) {
      if (isRequired.has(name)) return [breaking(at, 'was added and is required: events that were written lack it')];
      return [{ path: at, level: 'compatible' as const, message: 'was added, optional' }];
    }
    const necessity =
      wasRequired.has(name) === isRequired.has(name)
        ? []
        : [breaking(at, isRequired.has(name) ? 'became required' : 'became optional: readers count on it')];
    const [left, right] = [
      { ...released, schema: releasedProperty },
      { ...present, schema: presentProperty },
    ];
    return [...necessity, ...compareAt(at, left, right, depth + 1)];
  });
}

/** `#/$defs/Name`, the form in which libraries write what is used several times. */
function resolveReference(side: Side): Side {
  const reference = side.schema['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return side;
  const found = reference
    .slice(2)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, part) => (isSchema(at) ? at[part] : undefined), side.root);
  return isSchema(found) ? { ...side, schema: found } : side;
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const properties = schema['properties'];
  if (!isSchema(properties)) return {};
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, isSchema(value) ? value : {}]));
}

function requiredOf(schema: JsonSchema): ReadonlySet<unknown> {
  const required = schema['required'];
  return new Set(Array.isArray(required) ? required : []);
}

function areSchemas(left: unknown, right: unknown): boolean {
  return isSchema(left) && isSchema(right);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function breaking(path: string, message: string): SchemaDifference {
  return { path, level: 'breaking', message };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isSame(left: unknown, right: unknown): boolean {
  return write(left) === write(right);
}

/** Canonical: the order of keys means nothing. */
function write(value: unknown): string {
  if (value === undefined) return 'absent';
  return JSON.stringify(value, (_, current: unknown) =>
    isSchema(current)
      ? Object.fromEntries(Object.entries(current).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : current,
  );
}
