import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { toInstant } from '../../../foundation/clock.ts';
import type { HeadwaterError } from '../../../foundation/error.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import { toSequence } from '../../../model/position.ts';
import type { OutboundRecord } from '../../sink.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import { MemoryJournal, testEvent, type UnplacedRecord } from '../../../testing/memory-journal.ts';
import { deleteRow, insertRow, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import { unchanged } from '../../../model/row.ts';
import { toMessageId } from './message-id.ts';
import { toWebhookBody } from './webhook-body.ts';

const journal = new MemoryJournal();
journal.append([]);
const header = { ...journal.header(toSequence(1n)), sequence: toSequence(17n) };
const orders = testTable('orders', [{ name: 'id', isKey: true }, { name: 'total' }, { name: 'document' }]);
const lines = testTable('lines', [{ name: 'id', isKey: true }]);

function outbound(record: UnplacedRecord, value?: unknown): OutboundRecord {
  const functions = value === undefined ? {} : { map: () => value };
  const made = toOutboundRecord({ ...record, ordinal: 0 }, header, functions);
  assert.ok(made !== undefined);
  return made;
}

function event(changes: Partial<DomainEvent>): UnplacedRecord {
  const made = testEvent(
    '42',
    '0190a8d2-7c4e-7d3a-9b1f-3f2a5c6d7e8f',
    '{"orderId":"42","total":12345678901234567890.10}',
  );
  assert.ok(made.kind === 'event');
  return { kind: 'event', event: { ...made.event, type: 'order.placed', source: 'shop', ...changes } };
}

function bodyText(record: UnplacedRecord): string {
  return Buffer.from(toWebhookBody(outbound(record)).bytes).toString();
}

/** The records of the examples in the reference, in their order. */
const examples: readonly UnplacedRecord[] = [
  event({ occurredAt: toInstant(Date.UTC(2026, 10, 27, 9, 0, 0, 123)) }),
  insertRow(orders, '42', '9.90', null),
  { kind: 'read', table: orders, after: ['42', '9.90', null] },
  updateRow(orders, ['42', '10.90', unchanged]),
  deleteRow(orders, '42'),
  truncateTables(orders, lines),
];

describe('the body of a webhook', () => {
  test('is that of the reference, byte for byte', () => {
    const page = readFileSync(new URL('../../../../docs/reference/webhook-request.md', import.meta.url), 'utf8');
    const shown = [...page.matchAll(/^\{"type":.*$/gm)].map(([line]) => line);
    assert.deepEqual(examples.map(bodyText), shown);
  });

  test('holds the payload of an event as it was written, numbers beyond the precision of a float included', () => {
    assert.match(bodyText(event({})), /"data":\{"orderId":"42","total":12345678901234567890\.10\},/);
  });

  test('says everything that the event says about itself', () => {
    const full = event({
      keyVersion: '7',
      tenant: 'acme',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      correlationId: 'c',
      causationId: 'd',
      headers: { 'x-channel': 'web\r\nx-evil: 1' },
    });
    const parsed = JSON.parse(bodyText(full)) as { headwater: Record<string, unknown> };
    assert.deepEqual(parsed.headwater, {
      version: 1,
      kind: 'event',
      sequence: '17',
      ordinal: 0,
      key: '42',
      schemaVersion: 1,
      source: 'shop',
      keyVersion: '7',
      tenant: 'acme',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      correlationId: 'c',
      causationId: 'd',
      headers: { 'x-channel': 'web\r\nx-evil: 1' },
    });
  });

  test('holds a payload that is no JSON in base64, with its content type', () => {
    const payload = new Uint8Array([0, 255, 10]);
    const parsed = JSON.parse(bodyText(event({ contentType: 'application/protobuf', payload }))) as Record<
      string,
      unknown
    >;
    assert.equal(parsed['data'], 'AP8K');
    assert.equal((parsed['headwater'] as Record<string, unknown>)['contentType'], 'application/protobuf');
    const json = { contentType: 'application/vnd.order+json; charset=utf-8', payload: Buffer.from('[1]') };
    assert.match(bodyText(event(json)), /"data":\[1\],/);
  });

  test('is not made of a payload that says it is JSON and is not, and its text stays out of the error', () => {
    const broken: readonly Uint8Array[] = [
      Buffer.from(''),
      Buffer.from('{"secret":"s3cr3t"'),
      Buffer.from('{"a":1},"headwater":{"version":2}'),
      Buffer.from([0x22, 0xff, 0x22]),
      Buffer.from('\u{feff}{}'),
    ];
    for (const payload of broken) {
      assert.throws(
        () => bodyText(event({ payload })),
        (error: HeadwaterError) => {
          assert.equal(error.code, 'HW-WEBHOOK-012');
          assert.ok(!JSON.stringify(error).includes('s3cr3t') && error.cause === undefined);
          return true;
        },
      );
    }
  });

  test('is what the map of the lane made of the record', () => {
    const made = (value: unknown): readonly [string, string] => {
      const { bytes, contentType } = toWebhookBody(outbound(event({}), value));
      return [Buffer.from(bytes).toString('latin1'), contentType];
    };
    assert.deepEqual(made({ a: [1, null] }), ['{"a":[1,null]}', 'application/json']);
    assert.deepEqual(made(null), ['null', 'application/json']);
    assert.deepEqual(made('text'), ['text', 'text/plain; charset=utf-8']);
    assert.deepEqual(made(new Uint8Array([0, 255])), ['\0\u{ff}', 'application/octet-stream']);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const value of [1n, Symbol('a'), () => 1, cyclic]) {
      assert.throws(() => made(value), { code: 'HW-WEBHOOK-012' });
    }
  });
});

describe('the id of a message', () => {
  test('is that of the record, and a digest of it where it could not stand in a header or holds a dot', () => {
    const place = '7385000000000000001-1-16/B374D848-0';
    for (const id of ['0190a8d2-7c4e-7d3a-9b1f-3f2a5c6d7e8f', place, 'A_b:c+d=']) assert.equal(toMessageId(id), id);
    const strange = ['', 'a.b', 'a b', 'a\r\nb: c', 'ä', 'x'.repeat(201), '\0'];
    const ids = strange.map(toMessageId);
    assert.equal(new Set(ids).size, strange.length);
    for (const id of ids) assert.match(id, /^sha256-[A-Za-z0-9_-]{43}$/);
    assert.deepEqual(strange.map(toMessageId), ids);
  });
});
