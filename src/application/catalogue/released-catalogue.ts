import { HeadwaterError } from '../../foundation/error.ts';
import type { EventDefinition, JsonSchema } from '../emit/events.ts';
import { toJsonSchema } from './json-schema.ts';

/*
 * What was released of a catalogue: `headwater.events.json`, committed beside the code (`docs/reference/event-catalogue-1.md`).
 * Every version that was ever released stays in it, because journals and stores hold events of it.
 */

/** One released form of an event's payload. */
export interface ReleasedVersion {
  readonly contentType: string;
  /** Null where the payload is not JSON. */
  readonly schema: JsonSchema | null;
}

/** Released events by type, and their forms by version. */
export interface ReleasedCatalogue {
  readonly version: 1;
  readonly events: Readonly<Record<string, Readonly<Record<string, ReleasedVersion>>>>;
}

/** A catalogue of `defineEvents`. */
export type Definitions = Readonly<Record<string, EventDefinition>>;

/** Reads the file's text. @throws HW-EVENTS-005 */
export function parseReleased(text: string, name: string): ReleasedCatalogue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HeadwaterError('HW-EVENTS-005', `${name} is not JSON`, { cause });
  }
  const version: unknown = isObject(value) ? value['version'] : undefined;
  if (version !== 1) {
    const found = typeof version === 'number' ? `has version ${version}, this release knows 1` : 'is no catalogue';
    throw new HeadwaterError('HW-EVENTS-005', `${name} ${found}`);
  }
  if (!isReleased(value)) throw new HeadwaterError('HW-EVENTS-005', `${name} is no catalogue of version 1`);
  return value;
}

/** The file's text: the same for the same catalogue, so that a diff shows what changed. */
export function formatReleased(released: ReleasedCatalogue): string {
  return `${JSON.stringify(released, undefined, 2)}\n`;
}

/** What is released once the present catalogue is, without the types that were given up. @throws HW-EVENTS-006 */
export function release(
  released: ReleasedCatalogue | undefined,
  present: Definitions,
  removed: readonly string[] = [],
): ReleasedCatalogue {
  const types = [...new Set([...Object.keys(released?.events ?? {}), ...Object.keys(present)])]
    .filter((type) => !removed.includes(type))
    .toSorted();
  const events = types.map((type) => {
    const definition = present[type];
    const known = released?.events[type] ?? {};
    if (definition === undefined) return [type, known] as const;
    return [type, { ...known, [definition.schemaVersion]: toReleasedVersion(definition) }] as const;
  });
  return { version: 1, events: Object.fromEntries(events) };
}

/** @throws HW-EVENTS-006 */
export function toReleasedVersion(definition: EventDefinition): ReleasedVersion {
  return { contentType: definition.contentType, schema: toJsonSchema(definition) ?? null };
}

function isReleased(value: unknown): value is ReleasedCatalogue {
  if (!isObject(value) || !isObject(value['events'])) return false;
  return Object.values(value['events']).every(
    (versions) =>
      isObject(versions) &&
      Object.entries(versions).every(
        ([version, form]) =>
          /^[1-9]\d*$/.test(version) &&
          isObject(form) &&
          typeof form['contentType'] === 'string' &&
          (form['schema'] === null || isObject(form['schema'])),
      ),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
