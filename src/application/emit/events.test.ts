import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';

import { z } from 'zod';

import { HeadwaterError } from '../../foundation/error.ts';
import { encodePayload, validatePayload } from './event-payload.ts';
import type { EventSchema } from './event-schema.ts';
import { defineEvents, type EventDefinition, type EventEntry } from './events.ts';

/** A schema of no library. */
const even: EventSchema<number, string> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) =>
      typeof value === 'number' && value % 2 === 0
        ? { value: String(value) }
        : { issues: [{ message: `got ${String(value)}`, path: ['number', { key: 0 }] }] },
  },
};

/** What defineEvents itself makes of a schema that is not the point of a test. */
function defineAny(contentType?: string): EventDefinition {
  return defineEvents({ any: { schema: z.any(), ...(contentType === undefined ? {} : { contentType }) } }).any;
}

describe('a catalogue of events', () => {
  it('knows its events, with their defaults, and nothing else', () => {
    const schema = z.object({ id: z.string() });
    const events = defineEvents({ 'a.b': schema, even: { schema: even, schemaVersion: 2, contentType: 'text/plain' } });
    const rest = { upcasters: {}, jsonSchema: undefined, description: undefined };
    const json = { type: 'a.b', schema, storedSchema: schema, schemaVersion: 1, contentType: 'application/json' };
    assert.deepEqual({ ...events['a.b'] }, { ...json, ...rest });
    const text = { type: 'even', schema: even, storedSchema: even, schemaVersion: 2, contentType: 'text/plain' };
    assert.deepEqual({ ...events.even }, { ...text, ...rest });
    assert.deepEqual(Object.keys(events), ['a.b', 'even']);
    assert.equal(Reflect.get(events, 'toString'), undefined);
  });

  it('takes schemas that are functions', () => {
    const schema = Object.assign(() => undefined, even);
    assert.equal(defineEvents({ even: schema }).even.schema, schema);
  });

  it('is refused when an event can have no name, schema, version or content type', () => {
    const wrong: Record<string, unknown>[] = [
      { '': even },
      { ['x'.repeat(256)]: even },
      { 'a\0': even },
      { a: undefined },
      { a: {} },
      { a: { schema: { '~standard': { version: 2, validate: () => ({ value: 1 }) } } } },
      { a: { schema: even, schemaVersion: 0 } },
      { a: { schema: even, schemaVersion: 1.5 } },
      { a: { schema: even, contentType: '' } },
    ];
    for (const entries of wrong) {
      assertCode(() => defineEvents(entries as Readonly<Record<string, EventEntry>>), 'HW-EMIT-014');
    }
  });
});

describe('the payload of an event', () => {
  it('is what its schema makes of it', async () => {
    const events = defineEvents({
      even,
      padded: z.string().trim(),
      late: z.string().refine(async () => Promise.resolve(true)),
    });
    assert.equal(validatePayload(events.even, 4), '4');
    assert.equal(validatePayload(events.padded, ' x '), 'x');
    const late = z.object({ name: z.string() }).refine(async () => Promise.resolve(true));
    assert.deepEqual(await validatePayload(defineEvents({ late }).late, { name: 'x' }), { name: 'x' });
  });

  it('is refused with the paths of its faults and without its values', async () => {
    const error = assertCode(() => validatePayload(defineEvents({ even }).even, 'secret'), 'HW-EMIT-008');
    assert.equal(error.details['paths'], 'number.0');
    const nested = defineEvents({
      nested: z.object({ lines: z.array(z.object({ sku: z.string(), count: z.number() })) }),
    }).nested;
    const lines = [
      { sku: 'a', count: 1 },
      { sku: 7, count: 'secret' },
    ];
    assert.equal(
      assertCode(() => validatePayload(nested, { lines }), 'HW-EMIT-008').details['paths'],
      'lines.1.sku, lines.1.count',
    );
    assert.equal(assertCode(() => validatePayload(nested, 'secret'), 'HW-EMIT-008').details['paths'], '(whole)');
  });

  it('is written as compact JSON, exactly', () => {
    const payload = {
      text: 'Grüße 🌍\n',
      list: [1, -2.5, null, true],
      none: undefined,
      when: new Date(0),
      nested: { a: [] },
    };
    const text = '{"text":"Grüße 🌍\\n","list":[1,-2.5,null,true],"when":"1970-01-01T00:00:00.000Z","nested":{"a":[]}}';
    assert.equal(new TextDecoder().decode(encodePayload(defineAny(), payload)), text);
    assert.equal(
      new TextDecoder().decode(encodePayload(defineAny('application/problem+json; charset=utf-8'), 'x')),
      '"x"',
    );
  });

  it('is refused where JSON would lose a part of it, with the path of that part', () => {
    const circle: Record<string, unknown> = { secret: 'secret' };
    circle['self'] = circle;
    const lost: readonly (readonly [unknown, string])[] = [
      [undefined, '(whole)'],
      [10n, '(whole)'],
      [{ a: { b: [0, Number.NaN] } }, 'a.b.1'],
      [{ a: Number.POSITIVE_INFINITY }, 'a'],
      [{ a: [undefined] }, 'a.0'],
      [{ a: () => 'secret' }, 'a'],
      [{ a: Symbol('secret') }, 'a'],
      [{ a: new Map([['secret', 1]]) }, 'a'],
      [{ a: new Set(['secret']) }, 'a'],
      [{ a: new Uint8Array(2) }, 'a'],
      [{ a: /secret/ }, 'a'],
      [{ a: new Error('secret') }, 'a'],
      [circle, '(whole)'],
      [{ toJSON: () => assert.fail('secret') }, '(whole)'],
    ];
    for (const [payload, path] of lost) {
      const error = assertCode(() => encodePayload(defineAny(), payload), 'HW-EMIT-009');
      assert.equal(error.details['path'], path);
    }
  });

  it('stays as it is when it is bytes, and is UTF-8 when it is text of another content type', () => {
    const bytes = Uint8Array.of(0, 255, 10);
    assert.equal(encodePayload(defineAny('application/octet-stream'), bytes), bytes);
    assert.equal(encodePayload(defineAny(), bytes), bytes);
    assert.deepEqual(encodePayload(defineAny('text/plain'), 'ü'), Uint8Array.of(0xc3, 0xbc));
    assertCode(() => encodePayload(defineAny('text/plain'), { secret: 1 }), 'HW-EMIT-009');
    assertCode(() => encodePayload(defineAny('text/plain'), 'secret\ud800'), 'HW-EMIT-009');
  });
});

function assertCode(call: () => unknown, code: string): HeadwaterError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof HeadwaterError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(
      !inspect(error, { depth: 9, showHidden: false }).split('\n    at ')[0]?.includes('secret'),
      inspect(error),
    );
    return error;
  }
  return assert.fail(`nothing was refused, ${code} was expected`);
}
