import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import { z } from 'zod';

import { toInstant } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { DomainEvent } from './domain-event.ts';
import { classifyMessage, decodeEventEnvelope, encodeEventEnvelope, eventHeadBytesMax } from './event-envelope.ts';
import { parseEventFields } from './event-fields.ts';

const goldenDirectory = new URL('../../test/golden/event-envelope-1/', import.meta.url);
const schemaFile = new URL('../../docs/reference/event-envelope-1.schema.json', import.meta.url);

/** What each golden message means. The files are kept for ever: a change here that needs a change there is a new version. */
const goldenEvents: Readonly<Record<string, DomainEvent>> = {
  'smallest.bin': createEvent({ key: null, payload: new Uint8Array() }),
  'json.bin': createEvent({
    keyVersion: '7',
    tenant: 'north',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    correlationId: 'checkout-17',
    causationId: 'click-3',
    headers: { region: 'eu', empty: '', 'line\nfeed': 'kept\nas text' },
    payload: new TextEncoder().encode('{"total":"12.50",\n "note":"Grüße 🌍"}'),
  }),
  'bytes.bin': createEvent({
    contentType: 'application/octet-stream',
    payload: Uint8Array.from({ length: 256 }, (_, index) => index),
  }),
};

describe('event envelope 1', () => {
  it('reads every golden message, and writes the same bytes again', async () => {
    assert.deepEqual((await readdir(goldenDirectory)).toSorted(), Object.keys(goldenEvents).toSorted());
    for (const [name, event] of Object.entries(goldenEvents)) {
      const bytes = new Uint8Array(await readFile(new URL(name, goldenDirectory)));
      assert.deepEqual(decodeEventEnvelope(bytes, 'message'), event, name);
      assert.deepEqual(Buffer.from(encodeEventEnvelope(event)), Buffer.from(bytes), name);
    }
  });

  it('gives back every field and every byte of any event', () => {
    fc.assert(
      fc.property(anyEvent(), (event) => {
        assert.deepEqual(decodeEventEnvelope(encodeEventEnvelope(event), event.origin), event);
      }),
    );
  });

  it('is refused by name when it was cut before the end of its head, or when any byte of its head is no UTF-8', () => {
    const event = createEvent({ headers: { region: 'eu' } });
    const bytes = encodeEventEnvelope(event);
    const headLength = bytes.indexOf(0x0a);
    for (let length = 0; length <= headLength; length += 1) {
      assertCode(() => decodeEventEnvelope(bytes.subarray(0, length), 'message'), 'HW-EMIT-020');
    }
    for (let index = 0; index < headLength; index += 1) {
      const changed = Uint8Array.from(bytes);
      changed[index] = 0xff;
      assertCode(() => decodeEventEnvelope(changed, 'message'), 'HW-EMIT-020');
    }
  });

  it('never decodes foreign bytes to anything but a typed refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assertCode(() => decodeEventEnvelope(bytes, 'message'), 'HW-EMIT-020');
      }),
    );
  });

  it('names a newer version instead of skipping it, and leaves foreign messages alone', () => {
    assert.equal(classifyMessage('headwater:1'), 'event');
    for (const prefix of ['', 'headwater', 'headwater:', 'headwater:1x', 'other:1', 'headwater-canary:1']) {
      assert.equal(classifyMessage(prefix), 'foreign', prefix);
    }
    for (const prefix of ['headwater:2', 'headwater:10', 'headwater:0', 'headwater:01']) {
      assertCode(() => classifyMessage(prefix), 'HW-EMIT-021');
    }
  });

  it('refuses an event beyond its limits and quotes no value', () => {
    const secret = 'secret-value';
    const faults: readonly [string, Partial<Record<keyof DomainEvent, unknown>>][] = [
      ['id', { id: secret }],
      ['id', { id: '0192F7C0-0000-7000-8000-000000000001' }],
      ['type', { type: '' }],
      ['schemaVersion', { schemaVersion: 1.5 }],
      ['schemaVersion', { schemaVersion: 2 ** 31 }],
      ['key', { key: '' }],
      ['key', { key: `${secret}\0` }],
      ['key', { key: `${secret}\ud800` }],
      ['key', { key: secret.repeat(100) }],
      ['source', { source: 'x'.repeat(64) }],
      ['occurredAt', { occurredAt: Number.NaN }],
      ['occurredAt', { occurredAt: 1e15 }],
      ['traceparent', { traceparent: secret }],
      ['headers', { headers: { name: 7 } }],
      ['headers', { headers: { [secret.repeat(30)]: '' } }],
      ['contentType', { contentType: '' }],
    ];
    for (const [path, fields] of faults) {
      const error = assertCode(
        () => encodeEventEnvelope({ ...createEvent({}), ...fields } as DomainEvent),
        'HW-EMIT-011',
      );
      assert.equal(error.details['path'], path);
      assert.ok(!error.message.includes(secret), error.message);
    }
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`h${index}`, 'x'.repeat(4096)]));
    const tooLarge = assertCode(() => encodeEventEnvelope(createEvent({ headers })), 'HW-EMIT-010');
    assert.equal(tooLarge.details['limitBytes'], eventHeadBytesMax);
  });

  it('counts characters as PostgreSQL does', () => {
    assert.equal(
      decodeEventEnvelope(encodeEventEnvelope(createEvent({ key: '🌍'.repeat(1024) })), 'message').key?.length,
      2048,
    );
    assertCode(() => encodeEventEnvelope(createEvent({ key: '🌍'.repeat(1025) })), 'HW-EMIT-011');
  });

  it('accepts exactly the heads that the published JSON Schema accepts', async () => {
    const schema: unknown = JSON.parse(await readFile(schemaFile, 'utf8'));
    const reference = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    let acceptedCount = 0;
    fc.assert(
      fc.property(anyHead(), (head) => {
        const isAccepted = parseEventFields(head).kind === 'fields';
        if (isAccepted) acceptedCount += 1;
        assert.equal(isAccepted, reference.safeParse(head).success);
      }),
      { numRuns: 2000 },
    );
    assert.ok(acceptedCount > 100, `only ${acceptedCount} heads were accepted by both`);
  });
});

function createEvent(fields: Partial<DomainEvent>): DomainEvent {
  return {
    id: '0192f7c0-0000-7000-8000-000000000001',
    type: 'order.placed',
    schemaVersion: 1,
    key: 'order-1',
    source: 'main',
    occurredAt: toInstant(Date.UTC(2026, 10, 21, 7, 15, 24, 123)),
    contentType: 'application/json',
    payload: new TextEncoder().encode('{}'),
    headers: {},
    origin: 'message',
    ...fields,
  };
}

function anyText(lengthMin: number, lengthMax: number): fc.Arbitrary<string> {
  return fc
    .string({ minLength: lengthMin, maxLength: Math.min(lengthMax, 40), unit: 'grapheme' })
    .filter((text) => !text.includes('\0') && text.isWellFormed() && Array.from(text).length <= lengthMax);
}

function anyEvent(): fc.Arbitrary<DomainEvent> {
  const name = anyText(1, 255);
  return fc.record(
    {
      id: fc.uuid(),
      type: name,
      schemaVersion: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      key: fc.option(name),
      source: anyText(1, 63),
      occurredAt: fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }).map(toInstant),
      contentType: name,
      payload: fc.uint8Array({ maxLength: 300 }),
      headers: fc.dictionary(name, anyText(0, 200), { maxKeys: 5, noNullPrototype: true }),
      origin: fc.constantFrom('message' as const, 'outbox' as const),
      keyVersion: name,
      tenant: name,
      traceparent: fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
      correlationId: name,
      causationId: name,
    },
    {
      requiredKeys: [
        'id',
        'type',
        'schemaVersion',
        'key',
        'source',
        'occurredAt',
        'contentType',
        'payload',
        'headers',
        'origin',
      ],
      noNullPrototype: true,
    },
  );
}

/** Heads that are right, or wrong in a field or two. */
function anyHead(): fc.Arbitrary<unknown> {
  const right = anyEvent().map((event): Record<string, unknown> => {
    const head: unknown = JSON.parse(
      new TextDecoder().decode(encodeEventEnvelope({ ...event, payload: new Uint8Array() })),
    );
    return head as Record<string, unknown>;
  });
  const wrongValue = fc.oneof(
    fc.constantFrom<unknown[]>(null, '', 0, 1, -1, 2 ** 31, 1.5, true, [], {}, { a: 1 }, { '': 'x' }, { a: null }),
    fc.constantFrom<unknown[]>('x'.repeat(64), 'x'.repeat(256), 'x'.repeat(1025), { ['x'.repeat(256)]: '' }, 'a\0', {
      'a\0': 'x',
    }),
    anyText(0, 300),
  );
  const fieldName = fc.oneof(
    fc.constantFrom('id', 'type', 'schemaVersion', 'key', 'source', 'occurredAt', 'headers', 'contentType'),
    fc.constantFrom('keyVersion', 'tenant', 'traceparent', 'correlationId', 'causationId', 'payload', 'extra'),
  );
  const changes = fc.array(fc.tuple(fieldName, fc.option(wrongValue, { nil: undefined })), { maxLength: 2 });
  return fc.tuple(right, changes).map(([head, changed]) => {
    const result: Record<string, unknown> = { ...head };
    for (const [name, value] of changed) {
      if (value === undefined) delete result[name];
      else result[name] = value;
    }
    return result;
  });
}

function assertCode(call: () => unknown, code: string): HeadwaterError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof HeadwaterError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`nothing was refused, ${code} was expected`);
}
