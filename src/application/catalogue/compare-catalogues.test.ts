import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { z } from 'zod';

import { type EventEntry, defineEvents } from '../emit/events.ts';
import { type CatalogueFinding, compareCatalogues } from './compare-catalogues.ts';
import { formatCataloguePage } from './catalogue-page.ts';
import { toJsonSchema } from './json-schema.ts';
import { formatReleased, parseReleased, release } from './released-catalogue.ts';

const line = z.object({ sku: z.string(), quantity: z.int() });
const order = z.object({ id: z.string(), total: z.string(), lines: z.array(line), note: z.string().optional() });

function findings(before: Record<string, EventEntry>, after: Record<string, EventEntry>, removed: string[] = []) {
  const text = formatReleased(release(undefined, defineEvents(before)));
  return compareCatalogues(parseReleased(text, 'released'), defineEvents(after), removed);
}

function say({ level, message, path }: CatalogueFinding): string {
  return `${level} ${path}: ${message}`;
}

describe('a catalogue against what was released of it', () => {
  it('is compatible when it is the same, and when properties came that may be absent', () => {
    assert.deepEqual(findings({ order }, { order }), []);
    const described = order.extend({ note: z.string().optional().describe('what the customer wrote') });
    assert.deepEqual(findings({ order }, { order: described }), []);
    const more = order.extend({ lines: z.array(line.extend({ gift: z.boolean().optional() })) });
    assert.deepEqual(findings({ order }, { order: more }).map(say), ['compatible lines.[].gift: was added, optional']);
    assert.deepEqual(findings({ order }, { order, paid: z.string() }).map(say), ['compatible : is new']);
  });

  const breaking: readonly (readonly [string, EventEntry, string])[] = [
    ['a property was removed', order.omit({ total: true }), 'breaking total: was removed'],
    ['an optional property was removed', order.omit({ note: true }), 'breaking note: was removed'],
    [
      'a property came that is required',
      order.extend({ currency: z.string() }),
      'breaking currency: was added and is required: events that were written lack it',
    ],
    [
      'a property changed its type',
      order.extend({ total: z.number() }),
      'breaking total: type was "string" and is "number"',
    ],
    ['a property became required', order.extend({ note: z.string() }), 'breaking note: became required'],
    [
      'a property became optional',
      order.extend({ total: z.string().optional() }),
      'breaking total: became optional: readers count on it',
    ],
    [
      'a property of a list changed',
      order.extend({ lines: z.array(line.extend({ quantity: z.string() })) }),
      'breaking lines.[].quantity: type was "integer" and is "string"',
    ],
    ['fewer values fit', order.extend({ id: z.string().max(3) }), 'breaking id: maxLength was absent and is 3'],
  ];
  for (const [name, after, expected] of breaking) {
    it(`breaks when ${name}, unless the version was raised`, () => {
      assert.ok(findings({ order }, { order: after }).map(say).includes(expected), 'found');
      const schema = after as z.ZodType;
      const raised = { schema, schemaVersion: 2, upcasters: { 1: (payload: unknown) => payload } };
      assert.deepEqual(findings({ order }, { order: raised }).map(say), ['compatible : goes from version 1 to 2']);
    });
  }

  it('breaks when no upcaster leads from a version that was released, and when the version was lowered', () => {
    const third = { schema: order, schemaVersion: 3, upcasters: { 2: (payload: unknown) => payload } };
    assert.deepEqual(findings({ order }, { order: third }).map(say), [
      'breaking : no upcaster leads from the released version 1',
      'compatible : goes from version 1 to 3',
    ]);
    assert.deepEqual(findings({ order: { schema: order, schemaVersion: 2 } }, { order }).map(say), [
      'breaking : has version 1, and version 2 was released',
    ]);
  });

  it('breaks when an event was removed, unless it is given up by name, and when its content type changed', () => {
    assert.deepEqual(findings({ order }, {}).map(say), [
      'breaking : was removed: journals and stores hold events of it',
    ]);
    assert.deepEqual(findings({ order }, {}, ['order']).map(say), ['compatible : is given up']);
    const text = { schema: z.string(), contentType: 'text/plain' };
    assert.deepEqual(findings({ order }, { order: text }).map(say), [
      'breaking : was application/json and is text/plain',
    ]);
  });

  it('compares what is used several times and refers to itself', () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree);
      },
    });
    const other = z.object({
      name: z.number(),
      get children() {
        return z.array(other);
      },
    });
    assert.deepEqual(findings({ tree }, { tree }), []);
    assert.ok(findings({ tree }, { tree: other }).some(({ level, path }) => level === 'breaking' && path === 'name'));
  });

  it('keeps every version that was ever released', () => {
    const first = release(undefined, defineEvents({ order }));
    const second = defineEvents({ order: { schema: z.string(), schemaVersion: 2, upcasters: { 1: () => 'x' } } });
    const both = release(first, second);
    assert.deepEqual(Object.keys(both.events['order'] ?? {}), ['1', '2']);
    assert.deepEqual(both.events['order']?.['1'], first.events['order']?.['1']);
    assert.deepEqual(Object.keys(release(both, defineEvents({}), ['order']).events), []);
  });

  it('is refused in a file of another form or a later version', () => {
    for (const text of ['', 'null', '[]', '{"version":2,"events":{}}', '{"version":1,"events":{"a":{"x":{}}}}']) {
      assert.throws(() => parseReleased(text, 'headwater.events.json'), { code: 'HW-EVENTS-005' });
    }
  });
});

describe('the JSON Schema of an event', () => {
  it('is what its library gives, or what the event was given; a library that gives none is named', () => {
    const { made, own, bytes } = defineEvents({
      made: z.object({ id: z.string() }),
      own: { schema: handWritten, jsonSchema: { type: 'string' } },
      bytes: { schema: handWritten, contentType: 'application/octet-stream' },
    });
    assert.deepEqual(toJsonSchema(made)?.['required'], ['id']);
    assert.deepEqual(toJsonSchema(own), { type: 'string' });
    assert.equal(toJsonSchema(bytes), undefined);
    assert.throws(() => toJsonSchema(defineEvents({ none: handWritten }).none), {
      code: 'HW-EVENTS-006',
      message: /"none" \(by hand\)/,
    });
    assert.throws(() => toJsonSchema(defineEvents({ big: z.bigint() }).big), { code: 'HW-EVENTS-006' });
  });

  it('is told on a page with each property', () => {
    const page = formatCataloguePage(
      defineEvents({ 'order.placed': { schema: order, description: 'An order was placed.', schemaVersion: 1 } }),
    );
    assert.match(page, /## order\.placed\n\nAn order was placed\.\n\nVersion 1\. application\/json\./);
    assert.match(page, /\| `lines\[\]\.quantity` \| integer \| yes \|/);
    assert.match(page, /\| `note` \| string \| no \|/);
  });
});

const handWritten = {
  '~standard': { version: 1 as const, vendor: 'by hand', validate: (value: unknown) => ({ value }) },
};
