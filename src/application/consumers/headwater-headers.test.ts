import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHeadwaterMessage } from './headwater-headers.ts';

const event = {
  'headwater-version': '1',
  'headwater-id': '0199-e1',
  'headwater-source': '7385-1-16/B374D848-0',
  'headwater-op': 'event',
  'headwater-commit-time': '2026-11-27T09:00:00.123456Z',
  'content-type': 'application/json',
  'headwater-event-type': 'order.placed',
  'headwater-event-source': 'shop',
  'headwater-key': 'k',
};
const read = (headers: Readonly<Record<string, string>>) =>
  readHeadwaterMessage(new Map(Object.entries(headers)), { body: null });

test('a message of a sink is read with the sender that its id belongs to, and with the tenant where it has one', () => {
  const { sender, type, key, sentAt, headers } = read({ ...event, colour: 'red', 'headwater-tenant': 'n/a' });
  assert.deepEqual(
    { sender, type, key, sentAt, headers },
    {
      sender: 'shop/n%2Fa',
      type: 'order.placed',
      key: 'k',
      sentAt: Date.UTC(2026, 10, 27, 9, 0, 0, 123),
      headers: { colour: 'red' },
    },
  );
  assert.equal(read(event).sender, 'shop');
  const { 'headwater-event-source': _source, 'headwater-event-type': _type, ...change } = event;
  const changed = read({
    ...change,
    'headwater-op': 'insert',
    'headwater-schema': 'public',
    'headwater-table': 'orders',
  });
  assert.deepEqual([changed.sender, changed.type], ['7385', 'public.orders.insert']);
});

test('a version of a key that is no number orders nothing', () => {
  assert.equal(read({ ...event, 'headwater-key-version': '17' }).version, '17');
  assert.equal(read({ ...event, 'headwater-key-version': 'v17' }).version, undefined);
});

test('what Headwater has not sent, and what a newer one has sent, is told apart', () => {
  for (const name of ['headwater-version', 'headwater-id', 'headwater-source']) {
    const rest = Object.fromEntries(Object.entries(event).filter(([other]) => other !== name));
    assert.throws(() => read(rest), { code: 'HW-INBOX-004' });
  }
  assert.throws(() => read({ ...event, 'headwater-version': '2' }), { code: 'HW-INBOX-022' });
});
