import { HeadwaterError } from '../../foundation/error.ts';
import { type EventSchema, isEventSchema, type SchemaInput, type SchemaOutput } from './event-schema.ts';

/** One event with more to say than its schema. */
export interface EventOptions<Schema extends EventSchema = EventSchema> {
  readonly schema: Schema;
  /** Default 1. Raise it when readers must tell the forms of the payload apart. */
  readonly schemaVersion?: number;
  /** Default `application/json`. With any other type the schema's output is bytes or text. */
  readonly contentType?: string;
  /**
   * What makes the payload of version N + 1 of one of version N, by N, for each version that is still to be read. Pure. What
   * the last one gives is checked against the schema.
   */
  readonly upcasters?: Readonly<Record<number, Upcaster>>;
  /** The form that is written and read, where the schema would not take what it makes of its input. Default: the schema. */
  readonly storedSchema?: EventSchema;
  /** JSON Schema (draft 2020-12) of the written form, for schemas of a library that gives none. */
  readonly jsonSchema?: JsonSchema;
  /** One line for the generated pages. */
  readonly description?: string;
}

/** Makes a payload of the next version. Not typed: what comes in was written by code that is gone. */
// oxlint-disable-next-line typescript/no-explicit-any -- `unknown` would make every upcaster begin with a cast.
export type Upcaster = (payload: any) => unknown;

/** A schema as https://json-schema.org writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What stands behind a name in `defineEvents`: a schema, or a schema with options. */
export type EventEntry = EventSchema | EventOptions;

type EntrySchema<Entry extends EventEntry> = Entry extends EventSchema
  ? Entry
  : Entry extends { readonly schema: infer Schema extends EventSchema }
    ? Schema
    : never;

/** One event of a catalogue: what `emit` takes. */
export interface EventDefinition<Type extends string = string, Schema extends EventSchema = EventSchema> {
  readonly type: Type;
  readonly schema: Schema;
  readonly schemaVersion: number;
  readonly contentType: string;
  readonly upcasters: Readonly<Record<number, Upcaster>>;
  readonly storedSchema: EventSchema;
  readonly jsonSchema: JsonSchema | undefined;
  readonly description: string | undefined;
}

/** The events of an application by name. */
export type EventCatalogue<Entries extends Readonly<Record<string, EventEntry>>> = {
  readonly [Type in keyof Entries & string]: EventDefinition<Type, EntrySchema<Entries[Type]>>;
};

/** What `emit` takes as the payload of an event. */
export type EventInput<Definition extends EventDefinition> = SchemaInput<Definition['schema']>;

/** The payload of an event as readers get it. */
export type EventPayload<Definition extends EventDefinition> = SchemaOutput<Definition['schema']>;

/** In the registry, so that two copies of the package in one program know each other's catalogues. */
const definitionMark = Symbol.for('headwater.event-definition');

/**
 * Makes the catalogue of an application's events. Checks nothing of a payload yet and starts nothing.
 * @throws HW-EMIT-014 for a name, schema or option that no event can have.
 */
export function defineEvents<const Entries extends Readonly<Record<string, EventEntry>>>(
  entries: Entries,
): EventCatalogue<Entries>;
export function defineEvents(entries: Readonly<Record<string, EventEntry>>): Readonly<Record<string, EventDefinition>> {
  const definitions = Object.entries(entries).map(([type, entry]) => [type, createDefinition(type, entry)] as const);
  // Without a prototype `events['toString']` is as unknown as any other name.
  const catalogue: Record<string, EventDefinition> = Object.fromEntries(definitions);
  Object.setPrototypeOf(catalogue, null);
  return Object.freeze(catalogue);
}

/** Whether a value came from `defineEvents`. */
export function isEventDefinition(value: unknown): value is EventDefinition {
  return typeof value === 'object' && value !== null && definitionMark in value;
}

function createDefinition(type: string, entry: unknown): EventDefinition {
  const read = readEntry(entry);
  const { schema, schemaVersion = 1, contentType = 'application/json', storedSchema = schema } = read;
  if (type === '' || Array.from(type).length > 255 || type.includes('\0') || !type.isWellFormed()) {
    throw invalidCatalogue(type, 'a name has 1 to 255 characters');
  }
  if (!isEventSchema(schema) || !isEventSchema(storedSchema)) {
    throw invalidCatalogue(type, 'it has no schema that follows Standard Schema version 1');
  }
  if (
    typeof schemaVersion !== 'number' ||
    !Number.isInteger(schemaVersion) ||
    schemaVersion < 1 ||
    schemaVersion > 2_147_483_647
  ) {
    throw invalidCatalogue(type, 'schemaVersion is a whole number from 1');
  }
  if (typeof contentType !== 'string' || contentType === '' || contentType.length > 255) {
    throw invalidCatalogue(type, 'contentType is a text of 1 to 255 characters');
  }
  const upcasters = readUpcasters(type, read.upcasters, schemaVersion);
  const { jsonSchema, description } = read;
  if (jsonSchema !== undefined && !isJsonSchema(jsonSchema)) throw invalidCatalogue(type, 'jsonSchema is an object');
  if (description !== undefined && typeof description !== 'string')
    throw invalidCatalogue(type, 'description is a text');
  const definition = { type, schema, schemaVersion, contentType, upcasters, storedSchema, jsonSchema, description };
  return Object.freeze(Object.defineProperty(definition, definitionMark, { value: true }));
}

interface UncheckedEntry {
  readonly schema: unknown;
  readonly schemaVersion?: unknown;
  readonly contentType?: unknown;
  readonly upcasters?: unknown;
  readonly storedSchema?: unknown;
  readonly jsonSchema?: unknown;
  readonly description?: unknown;
}

/** From one version on, one for each up to the present: a hole would make older events unreadable. */
function readUpcasters(type: string, given: unknown, schemaVersion: number): Readonly<Record<number, Upcaster>> {
  if (given === undefined) return {};
  const entries = typeof given === 'object' && given !== null ? Object.entries(given) : [];
  const versions = entries.map(([version]) => Number(version)).toSorted((left, right) => left - right);
  const isWhole = versions.every((version, index) => version === schemaVersion - versions.length + index);
  const isUsable = versions.length > 0 && (versions[0] ?? 0) >= 1 && isWhole;
  if (!isUsable || !entries.every(([, upcaster]) => typeof upcaster === 'function')) {
    const wanted = `functions for versions without a gap up to ${schemaVersion - 1}`;
    throw invalidCatalogue(type, `upcasters are ${wanted}, not for ${versions.join(', ')}`);
  }
  return Object.fromEntries(entries);
}

function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readEntry(entry: unknown): UncheckedEntry {
  if (isEventSchema(entry)) return { schema: entry };
  return typeof entry === 'object' && entry !== null && 'schema' in entry ? entry : { schema: undefined };
}

function invalidCatalogue(type: string, reason: string): HeadwaterError {
  const name = type.slice(0, 80);
  return new HeadwaterError('HW-EMIT-014', `the event "${name}" cannot be defined: ${reason}`, {
    details: { event: name },
  });
}
