import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { headers } from '@nats-io/transport-node';
import fc from 'fast-check';
import { sampleBatch, sampleEvent, sampleInsert, sampleOutbound } from '../kafka/testing/sample-records.ts';
import { planBatch } from './batch-plan.ts';
import { countHeaderBytes, describeRecord, encodeHeaderName, encodeHeaderValue } from './message-headers.ts';
import { toOutboundMessages } from './outbound-message.ts';

function describeOnly(record: Parameters<typeof sampleOutbound>[0]) {
  const outbound = sampleOutbound(record);
  const [message] = toOutboundMessages(outbound, { subjectPrefix: 's' });
  assert.ok(message !== undefined);
  return describeRecord(outbound, message);
}

test('the headers of a change say where it comes from and what it is', () => {
  assert.deepEqual(describeOnly(sampleInsert(['1', '9.90', null])), [
    ['headwater-version', '1'],
    ['headwater-id', '7385000000000000001-1-1/130-0'],
    ['headwater-op', 'insert'],
    ['headwater-source', '7385000000000000001-1-1/130-0'],
    ['headwater-sequence', '1'],
    ['headwater-commit-time', '2027-01-15T08:00:01.123456Z'],
    ['headwater-key', '["1"]'],
    ['content-type', 'application/json'],
    ['headwater-schema', 'public'],
    ['headwater-table', 'orders'],
  ]);
});

test('an event’s own header can neither steer the server nor pass for one of ours', () => {
  const hostile = {
    'Nats-Rollup': 'all',
    'nats-expected-last-sequence': '0',
    'headwater-lane': 'x/y',
    'Content-Type': 'text/html',
    'a:b c': 'x\r\nNats-Rollup: all',
    '': 'empty',
    plain: ' 100% größe ',
  };
  const lines = new Map(describeOnly(sampleEvent({ headers: hostile, key: 'a\nb', tenant: 't\u0000' })));
  assert.equal(lines.get('event-Nats-Rollup'), 'all');
  assert.equal(lines.get('event-nats-expected-last-sequence'), '0');
  assert.equal(lines.get('event-headwater-lane'), 'x/y');
  assert.equal(lines.get('event-Content-Type'), 'text/html');
  assert.equal(lines.get('a%3Ab%20c'), 'x%0D%0ANats-Rollup: all');
  assert.equal(lines.get('%'), 'empty');
  assert.equal(lines.get('plain'), '%20100%25 größe%20');
  assert.equal(lines.get('headwater-key'), 'a%0Ab');
  assert.equal(lines.get('headwater-tenant'), 't%00');
  assert.ok([...lines.keys()].every((name) => !/^nats-/i.test(name)));
});

test('any name and any value survive the client’s headers, are counted right, and read back', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (name, value) => {
      const line = [encodeHeaderName(name), encodeHeaderValue(value)] as const;
      const set = headers();
      set.append(...line);
      const found = set.get(line[0]);
      assert.equal(decodeURIComponent(found), value.toWellFormed());
      const sent = (set as unknown as { encode(): Uint8Array }).encode();
      assert.equal(countHeaderBytes([line]), sent.length);
    }),
    { numRuns: 2000 },
  );
});

test('the headers are those of the reference page, in its order', async () => {
  const page = await readFile(new URL('../../../../docs/reference/nats-messages.md', import.meta.url), 'utf8');
  const rows = page.split('## Subjects')[0]?.match(/^\| (?:`|any other).*$/gm) ?? [];
  const listed = rows.flatMap((row) => {
    const [, first = ''] = row.split('|');
    return first.includes('any other')
      ? ['x-own']
      : first
          .matchAll(/`([^`]+)`/g)
          .map(([, name]) => name ?? '')
          .toArray();
  });
  const event = sampleEvent({
    keyVersion: '7',
    tenant: 'acme',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    correlationId: 'corr-1',
    causationId: 'cause-1',
    headers: { 'x-own': 'web' },
  });
  const options = { owner: 'test/lane', messageBytesMax: 10_000, part: 0, subjectPrefix: 's' };
  const found = new Set<string>();
  for (const record of [event, sampleInsert(['1', '9.90', null])]) {
    const [message] = planBatch(sampleBatch([sampleOutbound(record)], { from: 0, to: 1 }), options);
    const names = (message?.headers ?? []).map(([name]) => name);
    assert.deepEqual(
      names,
      listed.filter((name) => names.includes(name)),
    );
    for (const name of names) found.add(name);
  }
  const sentElsewhere = [
    'headwater-part',
    'Nats-Expected-Stream',
    'Nats-Expected-Last-Sequence',
    'Nats-Expected-Last-Msg-Id',
  ];
  assert.deepEqual([...found, ...sentElsewhere].toSorted(), listed.toSorted());
});
