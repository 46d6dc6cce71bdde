import type { BodyFragment } from '../../../capture/change-recorder.ts';
import type { TransactionDecoder } from '../../../capture/transaction-decoder.ts';
import { toInstant } from '../../../foundation/clock.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import { fragmentOf } from '../../testing/journal-writes.ts';

/** A body of events, for tests that search: `id=key;` each. */
export function eventsOf(...events: readonly (readonly [id: string, key: string])[]): BodyFragment {
  return fragmentOf(...events.map(([id, key]) => `${id}=${key};`));
}

/** Reads what `eventsOf` writes, and throws for a schema that it was not told of: `needs:NAME;` in a body asks for one. */
export function createEventDecoder(): TransactionDecoder {
  const schemas = new Set<string>();
  return {
    learnSchema: (message) => void schemas.add(Buffer.from(message).toString()),
    decodeBody(_encoding, body, firstOrdinal) {
      const parts = Buffer.from(body)
        .toString()
        .split(';')
        .filter((part) => part.length > 0);
      for (const part of parts) {
        const needed = /^needs:(.*)$/.exec(part)?.[1];
        if (needed !== undefined && !schemas.has(needed)) throw new Error(`the schema ${needed} is not known`);
      }
      const events = parts.filter((part) => part.includes('='));
      const records = events.map((part, index) => {
        const [id = '', key = ''] = part.split('=');
        return { kind: 'event', ordinal: firstOrdinal + index, event: eventOf(id, key) } as const;
      });
      return { records, counts: { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 } };
    },
    cutBody: (_encoding, body) => body.length,
  };
}

function eventOf(id: string, key: string): DomainEvent {
  return {
    id,
    key,
    type: 'test',
    schemaVersion: 1,
    source: 'test',
    occurredAt: toInstant(0),
    contentType: 'text/plain',
    payload: new Uint8Array(0),
    headers: {},
    origin: 'message',
  };
}
