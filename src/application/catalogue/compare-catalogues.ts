import type { EventDefinition } from '../emit/events.ts';
import { compareSchemas } from './compare-schemas.ts';
import {
  type Definitions,
  type ReleasedCatalogue,
  type ReleasedVersion,
  toReleasedVersion,
} from './released-catalogue.ts';

/** One thing that changed since the release. */
export interface CatalogueFinding {
  readonly event: string;
  readonly level: 'breaking' | 'compatible';
  /** Where in the payload; empty for the event itself. */
  readonly path: string;
  readonly message: string;
}

/**
 * What changed in a catalogue since it was released, in the order of the events' names. Breaking: readers of today could not
 * read events of yesterday, or the other way round. Pure.
 * @throws HW-EVENTS-006
 */
export function compareCatalogues(
  released: ReleasedCatalogue,
  present: Definitions,
  removed: readonly string[] = [],
): readonly CatalogueFinding[] {
  const types = [...new Set([...Object.keys(released.events), ...Object.keys(present)])].toSorted();
  return types.flatMap((type) => {
    const definition = present[type];
    const versions = released.events[type];
    if (versions === undefined) return [finding(type, 'compatible', 'is new')];
    if (definition !== undefined) return compareEvent(definition, versions);
    if (removed.includes(type)) return [finding(type, 'compatible', 'is given up')];
    return [finding(type, 'breaking', 'was removed: journals and stores hold events of it')];
  });
}

function compareEvent(
  definition: EventDefinition,
  versions: Readonly<Record<string, ReleasedVersion>>,
): readonly CatalogueFinding[] {
  const { schemaVersion, type, upcasters } = definition;
  const numbers = Object.keys(versions).map(Number);
  const latest = Math.max(...numbers);
  if (schemaVersion < latest) {
    return [finding(type, 'breaking', `has version ${schemaVersion}, and version ${latest} was released`)];
  }
  const lacking = numbers
    .filter((version) => version < schemaVersion && upcasters[version] === undefined)
    .toSorted((left, right) => left - right)
    .map((version) => finding(type, 'breaking', `no upcaster leads from the released version ${version}`));
  const same = versions[schemaVersion];
  if (same === undefined)
    return [...lacking, finding(type, 'compatible', `goes from version ${latest} to ${schemaVersion}`)];
  return [...lacking, ...compareForms(type, same, toReleasedVersion(definition))];
}

function compareForms(type: string, released: ReleasedVersion, present: ReleasedVersion): readonly CatalogueFinding[] {
  if (released.contentType !== present.contentType) {
    return [finding(type, 'breaking', `was ${released.contentType} and is ${present.contentType}`)];
  }
  if (released.schema === null || present.schema === null) {
    if (released.schema === present.schema) return [];
    return [
      finding(type, 'breaking', released.schema === null ? 'has a JSON Schema now' : 'has no JSON Schema any more'),
    ];
  }
  return compareSchemas(released.schema, present.schema).map((difference) => ({ event: type, ...difference }));
}

function finding(event: string, level: CatalogueFinding['level'], message: string): CatalogueFinding {
  return { event, level, path: '', message };
}
