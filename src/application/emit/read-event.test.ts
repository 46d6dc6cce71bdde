import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { z } from 'zod';

import { toInstant } from '../../foundation/clock.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import { defineEvents, type EventEntry } from './events.ts';
import { readEvent } from './read-event.ts';

const events = defineEvents({
  'order.placed': {
    schema: z.object({ id: z.string(), amount: z.object({ value: z.string(), currency: z.string() }) }),
    schemaVersion: 3,
    upcasters: {
      1: (payload: { id: number; total: string }) => ({ id: String(payload.id), total: payload.total }),
      2: ({ id, total }: { id: string; total: string }) => ({ id, amount: { value: total, currency: 'EUR' } }),
    },
  },
  note: { schema: z.string(), contentType: 'text/plain' },
  blob: { schema: z.instanceof(Uint8Array), contentType: 'application/octet-stream' },
});

function written(type: string, payload: unknown, options: Partial<DomainEvent> = {}): DomainEvent {
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
  return {
    id: '0198c9a2-7f00-7000-8000-000000000001',
    type,
    schemaVersion: 1,
    key: null,
    source: 'main',
    occurredAt: toInstant(0),
    contentType: 'application/json',
    payload: bytes,
    headers: {},
    origin: 'message',
    ...options,
  };
}

describe('an event that is read by a catalogue', () => {
  it('has its payload in the present form, whichever version it was written in', async () => {
    const expected = { id: '7', amount: { value: '12.50', currency: 'EUR' } };
    const forms = [{ id: 7, total: '12.50' }, { id: '7', total: '12.50' }, expected];
    for (const [index, form] of forms.entries()) {
      const event = written('order.placed', form, { schemaVersion: index + 1 });
      const read = await readEvent(events, event);
      assert.deepEqual(read, { type: 'order.placed', payload: expected, event });
      // The type tells which payload it is: this line would not compile otherwise.
      if (read.type === 'order.placed') assert.equal(read.payload.amount.currency, 'EUR');
    }
  });

  it('is text or bytes where its content type says so', async () => {
    const text = Buffer.from('hällo');
    assert.equal((await readEvent(events, written('note', text, { contentType: 'text/plain' }))).payload, 'hällo');
    const blob = await readEvent(events, written('blob', text, { contentType: 'application/octet-stream' }));
    assert.deepEqual(blob.payload, text);
  });

  it('is refused when nobody knows its kind or its version, by a code and without its payload', async () => {
    const secret = 'secret-4711';
    const cases = [
      ['HW-EVENTS-001', written('order.lost', { secret })],
      ['HW-EVENTS-001', written('toString', { secret })],
      ['HW-EVENTS-001', written('order.placed', { secret }, { schemaVersion: 4 })],
      ['HW-EVENTS-003', written('order.placed', { secret }, { schemaVersion: 3 })],
      ['HW-EVENTS-003', written('order.placed', Buffer.from(`{"${secret}`), { schemaVersion: 3 })],
      ['HW-EVENTS-003', written('note', Buffer.from([0xff]), { contentType: 'text/plain' })],
      ['HW-EVENTS-002', written('order.placed', null, { schemaVersion: 1 })],
    ] as const;
    for (const [code, event] of cases) {
      await assert.rejects(readEvent(events, event), (error: Error & { code?: string }) => {
        assert.equal(error.code, code);
        assert.ok(!error.message.includes(secret));
        return true;
      });
    }
    const holed = defineEvents({ a: { schema: z.string(), schemaVersion: 3, upcasters: { 2: () => 'x' } } });
    await assert.rejects(readEvent(holed, written('a', 'y')), { code: 'HW-EVENTS-002' });
  });

  it('is checked against the stored form where the schema changes its input', async () => {
    const schema = z.string().transform(Number);
    const plain = defineEvents({ count: schema });
    await assert.rejects(readEvent(plain, written('count', 7)), { code: 'HW-EVENTS-003' });
    const stored = defineEvents({ count: { schema, storedSchema: z.number() } });
    assert.equal((await readEvent(stored, written('count', 7))).payload, 7);
  });

  it('cannot be defined with upcasters that leave a version out', () => {
    const schema = z.string();
    const wrong: EventEntry[] = [
      { schema, upcasters: { 1: (payload: unknown) => payload } },
      { schema, schemaVersion: 3, upcasters: { 1: (payload: unknown) => payload } },
      { schema, schemaVersion: 2, upcasters: {} },
      { schema, schemaVersion: 2, upcasters: { 0: () => 'x', 1: () => 'x' } },
      { schema, schemaVersion: 2, upcasters: { 1: 'x' as never } },
    ];
    for (const entry of wrong) assert.throws(() => defineEvents({ a: entry }), { code: 'HW-EMIT-014' });
  });
});
