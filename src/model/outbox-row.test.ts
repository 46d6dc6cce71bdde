import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { toInstant } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { DomainEvent } from './domain-event.ts';
import { eventFromAdoptedOutboxRow, eventFromOutboxRow } from './outbox-row.ts';
import { type ColumnValue, type Row, unchanged } from './row.ts';
import type { TableSchema } from './table-schema.ts';
import { parseTimestampText } from './timestamp-text.ts';

type Columns = Readonly<Record<string, ColumnValue>>;

const outboxColumns: Columns = {
  id: '0192f7c0-0000-7000-8000-000000000001',
  envelope_version: '1',
  type: 'order.placed',
  schema_version: '2',
  key: 'order-1',
  key_version: '7',
  tenant: 'north',
  source: 'main',
  occurred_at: '2026-11-21 08:15:24.123+01',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  correlation_id: 'checkout-17',
  causation_id: 'click-3',
  headers: '{"region": "eu"}',
  content_type: 'application/octet-stream',
  payload: '\\x00ff7f0a',
};

const adoptedColumns: Columns = {
  id: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
  event_type: 'OrderCreated',
  payload: '{"order_id": "17", "total": 12.50, "note": "Grüße"}',
  created_at: '2026-11-21 07:15:24.123456',
  published: 'f',
};

const occurredAt = toInstant(Date.UTC(2026, 10, 21, 7, 15, 24, 123));

describe("a row of Headwater's outbox", () => {
  it('is the event that was written, field by field and byte by byte', () => {
    assert.deepEqual(readOutbox(outboxColumns), {
      id: '0192f7c0-0000-7000-8000-000000000001',
      type: 'order.placed',
      schemaVersion: 2,
      key: 'order-1',
      keyVersion: '7',
      tenant: 'north',
      source: 'main',
      occurredAt,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      correlationId: 'checkout-17',
      causationId: 'click-3',
      headers: { region: 'eu' },
      contentType: 'application/octet-stream',
      payload: Uint8Array.of(0, 0xff, 0x7f, 0x0a),
      origin: 'outbox',
    } satisfies DomainEvent);
  });

  it('leaves absent what is NULL', () => {
    const optional = { key_version: null, tenant: null, traceparent: null, correlation_id: null, causation_id: null };
    const event = readOutbox({ ...outboxColumns, ...optional, key: null, payload: '\\x', headers: '{}' });
    assert.deepEqual(event, {
      id: '0192f7c0-0000-7000-8000-000000000001',
      type: 'order.placed',
      schemaVersion: 2,
      key: null,
      source: 'main',
      occurredAt,
      headers: {},
      contentType: 'application/octet-stream',
      payload: new Uint8Array(),
      origin: 'outbox',
    } satisfies DomainEvent);
  });

  it('names a newer envelope version instead of skipping the row', () => {
    assertCode(() => readOutbox({ ...outboxColumns, envelope_version: '2' }), 'HW-EMIT-021');
  });

  it('is refused, without its values, when a column is missing, NULL or not readable', () => {
    for (const name of Object.keys(outboxColumns)) {
      const { [name]: _, ...others } = outboxColumns;
      assertCode(() => readOutbox(others), 'HW-EMIT-022');
      assertCode(() => readOutbox({ ...outboxColumns, [name]: unchanged }), 'HW-EMIT-022');
    }
    const wrong: Columns[] = [
      { id: null },
      { schema_version: 'secret' },
      { occurred_at: 'infinity' },
      { occurred_at: '294276-12-31 00:00:00+00' },
      { headers: 'secret' },
      { headers: '["secret"]' },
      { payload: null },
      { payload: 'secret' },
      { payload: '\\x0' },
      { payload: '\\x0G' },
    ];
    for (const columns of wrong) assertCode(() => readOutbox({ ...outboxColumns, ...columns }), 'HW-EMIT-022');
  });
});

describe('a row of an adopted outbox', () => {
  it('is an event without key, with the text of its payload as bytes', () => {
    assert.deepEqual(readAdopted(adoptedColumns), {
      id: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
      type: 'OrderCreated',
      schemaVersion: 1,
      key: null,
      source: 'main',
      occurredAt,
      contentType: 'application/json',
      payload: new TextEncoder().encode('{"order_id": "17", "total": 12.50, "note": "Grüße"}'),
      headers: {},
      origin: 'adopted-outbox',
    } satisfies DomainEvent);
  });

  it('takes the time of the commit when created_at is NULL, and is refused when that is not known', () => {
    const columns = { ...adoptedColumns, created_at: null };
    assert.equal(readAdopted(columns, occurredAt).occurredAt, occurredAt);
    assertCode(() => readAdopted(columns), 'HW-EMIT-022');
  });

  it('is refused when id, type or payload is missing or NULL', () => {
    for (const name of ['id', 'event_type', 'payload']) {
      const { [name]: _, ...others } = adoptedColumns;
      assertCode(() => readAdopted(others), 'HW-EMIT-022');
      assertCode(() => readAdopted({ ...adoptedColumns, [name]: null }), 'HW-EMIT-022');
    }
  });
});

describe("PostgreSQL's text of a time", () => {
  it('is read to the millisecond, with its offset', () => {
    const expected: Readonly<Record<string, string>> = {
      '2026-11-21 07:15:24.123999+00': '2026-11-21T07:15:24.123Z',
      '2026-11-21 07:15:24': '2026-11-21T07:15:24.000Z',
      '2026-11-21 07:15:24.5-03:30': '2026-11-21T10:45:24.500Z',
      '1890-01-01 00:00:00+00:53:28': '1889-12-31T23:06:32.000Z',
      '0001-01-01 00:00:00+00': '0001-01-01T00:00:00.000Z',
      '2024-02-29 23:59:59.999+00': '2024-02-29T23:59:59.999Z',
      '1969-12-31 23:59:59.9+00': '1969-12-31T23:59:59.900Z',
    };
    for (const [text, iso] of Object.entries(expected)) {
      const instant = parseTimestampText(text);
      assert.equal(instant === undefined ? undefined : new Date(instant).toISOString(), iso, text);
    }
  });

  it('is no time when it is infinite, before Christ or no real day', () => {
    for (const text of [
      'infinity',
      '-infinity',
      '0044-03-15 00:00:00+00 BC',
      '2026-02-30 00:00:00+00',
      '21.11.2026 07:15:24',
      '',
    ]) {
      assert.equal(parseTimestampText(text), undefined, text);
    }
  });
});

function readOutbox(columns: Columns): DomainEvent {
  const { table, row } = createRow('headwater', columns);
  return eventFromOutboxRow(table, row);
}

function readAdopted(columns: Columns, committedAt?: typeof occurredAt): DomainEvent {
  const { table, row } = createRow('public', columns);
  return eventFromAdoptedOutboxRow(table, row, {
    source: 'main',
    ...(committedAt === undefined ? {} : { committedAt }),
  });
}

function createRow(schemaName: string, columns: Columns): { table: TableSchema; row: Row } {
  const names = Object.keys(columns);
  const table: TableSchema = {
    relationId: 16384,
    schemaName,
    tableName: 'outbox',
    replicaIdentity: 'default',
    columns: names.map((name) => ({ name, typeOid: 25, typeModifier: -1, isKey: name === 'id' })),
  };
  return { table, row: Object.values(columns) };
}

function assertCode(call: () => unknown, code: string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof HeadwaterError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(!error.message.includes('secret'), error.message);
    return true;
  });
}
