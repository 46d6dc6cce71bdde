import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unchanged } from '../../../model/row.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import type { RecordFunctions } from '../../outbound-record.ts';
import { MemoryJournal, testEvent, type UnplacedRecord } from '../../testing/memory-journal.ts';
import { deleteRow, insertRow, oids, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import { toRecordLines } from './record-line.ts';

const orders = testTable('orders', [
  { name: 'id', typeOid: oids.int8, isKey: true },
  { name: 'total', typeOid: oids.numeric },
  { name: 'document' },
]);

function linesOf(record: UnplacedRecord, functions: RecordFunctions = {}): readonly string[] {
  const journal = new MemoryJournal();
  const header = journal.header(journal.append([record]));
  const outbound = toOutboundRecord(
    { ...record, ordinal: 0 },
    { ...header, commitTimeMicros: 1_800_000_000_000_042n },
    functions,
  );
  assert.ok(outbound !== undefined);
  const text = toRecordLines(outbound);
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
}

const place = '"sequence":"1","ordinal":0,"commitLsn":"0/100","committedAt":"2027-01-15T08:00:00.000042Z"}';

function eventOf(contentType: string, payload: Uint8Array): UnplacedRecord {
  const record = testEvent('o-1', '0198d9a0-0000-7000-8000-000000000001');
  assert.ok(record.kind === 'event');
  return { ...record, event: { ...record.event, contentType, payload } };
}

const payloadOf = (contentType: string, payload: string | Uint8Array): string => {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const [line = '', ...others] = linesOf(eventOf(contentType, bytes));
  assert.deepEqual(others, []);
  JSON.parse(line);
  return /"(payload\w*":.*),"id":/.exec(line)?.[1] ?? line;
};

describe('a line of a file', () => {
  test('holds a change with every value as its text, and its place', () => {
    const change =
      '{"op":"insert","schema":"public","table":"orders","after":{"id":"9007199254740993","total":"1.10","document":"a\\nb"}';
    assert.deepEqual(linesOf(insertRow(orders, '9007199254740993', '1.10', 'a\nb')), [
      `${change},"id":"7385-1-0/140-0","key":"[\\"9007199254740993\\"]",${place}`,
    ]);
  });

  test('holds an update that changes its key as one line, and names what is unchanged', () => {
    const [line = ''] = linesOf(updateRow(orders, ['2', '1.10', unchanged], ['1', null, null]));
    const { op, before, after, unchanged: missing, key } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual(
      [op, before, after, missing, key],
      ['update', { id: '1' }, { id: '2', total: '1.10' }, ['document'], '["2"]'],
    );
  });

  test('holds a delete by its key', () => {
    const [line = ''] = linesOf(deleteRow(orders, '1'));
    assert.ok(line.startsWith('{"op":"delete","schema":"public","table":"orders","before":{"id":"1"},'));
  });

  test('of a truncate stands once for each table, each with an id of its own', () => {
    const lines = linesOf(truncateTables(orders, testTable('items', [{ name: 'id', isKey: true }])));
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { table: string; id: string }).table),
      ['orders', 'items'],
    );
    assert.equal(new Set(lines.map((line) => (JSON.parse(line) as { id: string }).id)).size, 2);
  });

  test('holds the JSON of an event digit by digit on one line, other text as text, other bytes as base64', () => {
    const pretty = '{\n  "total": 12345678901234567890.10\r\n}';
    assert.equal(payloadOf('application/json', pretty), 'payload":{   "total": 12345678901234567890.10  }');
    assert.equal(payloadOf('application/cloudevents+json; charset=utf-8', '[1]'), 'payload":[1]');
    assert.equal(payloadOf('application/json', '{"torn":'), 'payloadText":"{\\"torn\\":"');
    assert.equal(payloadOf('text/plain', 'a\nb'), 'payloadText":"a\\nb"');
    assert.equal(payloadOf('application/json', Uint8Array.of(0xff)), 'payloadBase64":"/w=="');
    assert.equal(payloadOf('application/json', Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)), 'payloadText":"\uFEFF1"');
  });

  test('holds the envelope of an event, with its key and its own id', () => {
    const [line = ''] = linesOf(eventOf('application/json', Buffer.from('{}')));
    const head =
      '{"op":"event","type":"test.happened","schemaVersion":1,"source":"test","occurredAt":"2027-01-15T08:00:00.000Z","headers":{}';
    const name = '"id":"0198d9a0-0000-7000-8000-000000000001","key":"o-1"';
    assert.equal(line, `${head},"contentType":"application/json","payload":{},${name},${place}`);
  });

  test('holds what the map made, and where the route leads', () => {
    const mapped = (value: unknown): string => {
      const [line = ''] = linesOf(insertRow(orders, '1', null, null), { map: () => value, route: () => 'a/b' });
      assert.equal((JSON.parse(line) as { destination: string }).destination, 'a/b');
      return line.slice(0, line.indexOf(',"id"'));
    };
    assert.equal(mapped({ a: 1 }), '{"op":"mapped","value":{"a":1}');
    assert.equal(mapped(null), '{"op":"mapped","value":null');
    assert.equal(mapped('a\nb'), '{"op":"mapped","value":"a\\nb"');
    assert.equal(mapped(Uint8Array.of(1)), '{"op":"mapped","valueBase64":"AQ=="');
    assert.throws(() => mapped({ a: 1n }), { code: 'HW-FILE-009' });
    assert.throws(() => mapped(() => 1), { code: 'HW-FILE-009' });
  });
});
