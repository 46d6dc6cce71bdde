import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import {
  ordersTable,
  sampleBatch,
  sampleEvent,
  sampleInsert,
  sampleOutbound,
} from '../kafka/testing/sample-records.ts';
import { planBatch, type BatchPlanOptions, type PlannedMessage } from './batch-plan.ts';

const options: BatchPlanOptions = { owner: 'test/lane', messageBytesMax: 100_000, part: 0, subjectPrefix: 's' };
const withCode = (code: ErrorCode) => (error: unknown) => error instanceof HeadwaterError && error.code === code;
const linesTable = { ...ordersTable, relationId: 16_390, tableName: 'order lines' };
const truncate: JournalRecord = {
  kind: 'truncate',
  ordinal: 0,
  tables: [ordersTable, linesTable],
  cascade: false,
  restartIdentity: true,
};
const placeOf = ({ position: { checkpoint, part } }: PlannedMessage): string =>
  `${checkpoint.sequence}+${checkpoint.recordCount}${part === 0 ? '' : `/${part}`}`;

test('each message moves the lane behind its record, and the last one to the end of the batch', () => {
  const records = [
    sampleOutbound(sampleInsert(['1', '1.00', null]), { sequence: 4, ordinal: 0 }),
    sampleOutbound(sampleInsert(['2', '1.00', null]), { sequence: 4, ordinal: 3 }),
    // Transaction 5 had nothing for this lane.
    sampleOutbound(sampleInsert(['3', '1.00', null]), { sequence: 6, ordinal: 1 }),
    sampleOutbound(sampleInsert(['4', '1.00', null]), { sequence: 7, ordinal: 0 }),
  ];
  const batch = sampleBatch(records, { from: 3, to: 9 });
  const planned = planBatch(batch, options);
  assert.deepEqual(planned.map(placeOf), ['3+1', '3+4', '5+2', '9+0']);
  assert.equal(planned.at(-1)?.position.checkpoint, batch.to);
});

test('a record that becomes several messages goes on where it was interrupted', () => {
  const batch = sampleBatch([sampleOutbound(truncate, { sequence: 4 })], { from: 3, to: 4 });
  const planned = planBatch(batch, options);
  assert.deepEqual(
    planned.map(({ id, subject }) => [subject, id.slice(-2)]),
    [
      ['s.change.public.orders', '/0'],
      ['s.change.public.order%20lines', '/1'],
    ],
  );
  assert.deepEqual(planned.map(placeOf), ['3+0/1', '4+0']);
  assert.deepEqual(planBatch(batch, { ...options, part: 1 }).map(placeOf), ['4+0']);
  const later = sampleBatch([sampleOutbound(truncate, { sequence: 5 })], { from: 3, to: 5 });
  assert.equal(planBatch(later, { ...options, part: 1 }).length, 2, 'another record than the interrupted one is whole');
});

test('an UPDATE that changes its key is one message with the old key in it', () => {
  const update: JournalRecord = {
    kind: 'update',
    ordinal: 0,
    table: ordersTable,
    before: ['1', null, null],
    beforeKind: 'key',
    after: ['2', '9.90', null],
  };
  const [message, ...others] = planBatch(sampleBatch([sampleOutbound(update)], { from: 0, to: 1 }), options);
  assert.equal(others.length, 0);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(message?.payload)), {
    op: 'update',
    schema: 'public',
    table: 'orders',
    before: { id: '1' },
    after: { id: '2', total: '9.90', note: null },
  });
});

test('a record that is too large is refused before anything of its batch is sent', () => {
  const small = sampleOutbound(sampleInsert(['1', '1.00', null]), { sequence: 1 });
  const large = sampleOutbound(sampleInsert(['2', '1.00', 'x'.repeat(100_000)]), { sequence: 2 });
  assert.throws(() => planBatch(sampleBatch([small, large], { from: 0, to: 2 }), options), withCode('HW-NATS-008'));
  const manyHeaders = sampleOutbound(sampleEvent({ headers: { big: 'x'.repeat(66_000) } }));
  assert.throws(() => planBatch(sampleBatch([manyHeaders], { from: 0, to: 1 }), options), withCode('HW-NATS-008'));
});

test('what a map returns is the payload, and what cannot be written is refused by name', () => {
  const plan = (value: unknown) => {
    const outbound = sampleOutbound(sampleInsert(['1', '1.00', null]), { functions: { map: () => value } });
    const [message] = planBatch(sampleBatch([outbound], { from: 0, to: 1 }), options);
    assert.ok(message !== undefined);
    return [new TextDecoder().decode(message.payload), new Map(message.headers).get('content-type')];
  };
  assert.deepEqual(plan({ a: 1 }), ['{"a":1}', 'application/json']);
  assert.deepEqual(plan('text'), ['text', 'text/plain; charset=utf-8']);
  assert.deepEqual(plan(new Uint8Array([65])), ['A', 'application/octet-stream']);
  assert.deepEqual(plan(null), ['', undefined]);
  assert.throws(() => plan(10n), withCode('HW-NATS-019'));
  assert.throws(() => plan(Symbol('x')), withCode('HW-NATS-019'));
});

test('a subject that cannot be published to is refused by name', () => {
  const route = (subject: string) =>
    sampleOutbound(sampleInsert(['1', '1.00', null]), { functions: { route: () => subject } });
  for (const subject of ['a.*', 'a b', '', '$JS.API.STREAM.DELETE.s', 'a\r\nPUB b 0']) {
    const batch = sampleBatch([route(subject)], { from: 0, to: 1 });
    assert.throws(() => planBatch(batch, options), withCode('HW-NATS-020'), subject);
  }
  const [message] = planBatch(sampleBatch([route('own.place')], { from: 0, to: 1 }), options);
  assert.equal(message?.subject, 'own.place');
});
