import { HeadwaterError } from '../../foundation/error.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import { describeUnknownKind } from '../../model/event-kinds.ts';
import { isJsonType } from './content-type.ts';
import { formatIssuePath } from './event-schema.ts';
import type { EventDefinition, EventPayload } from './events.ts';

/** An event with its payload in the present form. */
export interface ReadEvent<Type extends string, Payload> {
  readonly type: Type;
  readonly payload: Payload;
  /** The event as it was written: its id, key, times and headers. */
  readonly event: DomainEvent;
}

/** What `readEvent` gives for a catalogue: its type tells which payload it has. */
export type CatalogueEvent<Catalogue extends Readonly<Record<string, EventDefinition>>> = {
  readonly [Type in keyof Catalogue & string]: ReadEvent<Type, EventPayload<Catalogue[Type]>>;
}[keyof Catalogue & string];

/**
 * Reads the payload of an event by the catalogue: decodes it, brings it from the version in which it was written to the
 * present one, and checks it against the schema of the stored form. The same event gives the same every time.
 * @throws HW-EVENTS-001 for a kind or version that the catalogue does not know, HW-EVENTS-002 when no upcaster leads from its
 *   version or one fails, HW-EVENTS-003 for a payload that cannot be decoded or does not fit. No message quotes the payload.
 */
export async function readEvent<const Catalogue extends Readonly<Record<string, EventDefinition>>>(
  catalogue: Catalogue,
  event: DomainEvent,
): Promise<CatalogueEvent<Catalogue>> {
  const reason = describeUnknownKind(event, catalogue);
  const definition = Object.hasOwn(catalogue, event.type) ? catalogue[event.type] : undefined;
  if (reason !== undefined || definition === undefined) {
    throw new HeadwaterError('HW-EVENTS-001', reason ?? 'no such event', {
      details: { event: event.type, id: event.id },
    });
  }
  const payload = await checkPayload(definition, event, upcast(definition, event, decodePayload(event)));
  // The definition of this type has checked the payload.
  return { type: definition.type, payload, event } as CatalogueEvent<Catalogue>;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON as its value, text as a string, everything else as bytes. */
function decodePayload(event: DomainEvent): unknown {
  const isText = event.contentType.trimStart().toLowerCase().startsWith('text/');
  if (!isText && !isJsonType(event.contentType)) return event.payload;
  try {
    const text = decoder.decode(event.payload);
    return isText ? text : (JSON.parse(text) as unknown);
  } catch {
    throw unreadable(event, `its payload is no ${event.contentType}`);
  }
}

function upcast(definition: EventDefinition, event: DomainEvent, payload: unknown): unknown {
  let value = payload;
  for (let version = event.schemaVersion; version < definition.schemaVersion; version += 1) {
    const upcaster = definition.upcasters[version];
    const step = `from version ${version} of "${event.type}"`;
    if (upcaster === undefined) throw notUpcast(event, `no upcaster leads ${step}`);
    try {
      value = upcaster(value);
    } catch (thrown) {
      throw notUpcast(event, `the upcaster ${step} threw`, thrown);
    }
  }
  return value;
}

async function checkPayload(definition: EventDefinition, event: DomainEvent, payload: unknown): Promise<unknown> {
  const result = await definition.storedSchema['~standard'].validate(payload);
  if (result.issues === undefined) return result.value;
  const paths = [...new Set(result.issues.map(formatIssuePath))].slice(0, 20).join(', ');
  throw unreadable(event, `its payload does not fit the schema at: ${paths}`);
}

function unreadable({ id, type }: DomainEvent, reason: string): HeadwaterError {
  return new HeadwaterError('HW-EVENTS-003', `event ${id} ("${type}") cannot be read: ${reason}`, {
    details: { event: type, id },
  });
}

function notUpcast({ id, type }: DomainEvent, reason: string, cause?: unknown): HeadwaterError {
  const options = { details: { event: type, id }, ...(cause === undefined ? {} : { cause }) };
  return new HeadwaterError('HW-EVENTS-002', `event ${id} cannot be read: ${reason}`, options);
}
