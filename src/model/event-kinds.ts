import type { DomainEvent } from './domain-event.ts';

/** The kinds of events that somebody knows, by type: of each the newest form of its payload. What `defineEvents` gives is one. */
export type EventKinds = Readonly<Record<string, { readonly schemaVersion: number }>>;

/** Why an event is of no known kind; undefined when it is known. */
export function describeUnknownKind(
  { schemaVersion, type }: Pick<DomainEvent, 'type' | 'schemaVersion'>,
  kinds: EventKinds,
): string | undefined {
  const known = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (known === undefined) return `the catalogue has no event "${type}"`;
  if (schemaVersion <= known.schemaVersion) return undefined;
  return `the catalogue knows "${type}" up to version ${known.schemaVersion}, and the event has version ${schemaVersion}`;
}
