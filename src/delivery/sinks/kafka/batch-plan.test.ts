import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toSequence } from '../../../model/position.ts';
import { checkpointBehind } from '../../checkpoint.ts';
import type { OutboundBatch } from '../../sink.ts';
import { BatchLayout, type TopicLimits } from './batch-layout.ts';
import { BatchPlan } from './batch-plan.ts';
import { sampleInsert, sampleOutbound } from './testing/sample-records.ts';

const limits = (partitionCount: number): TopicLimits => ({
  partitionCount,
  batchBytesMax: 100_000,
  recordBytesMax: 100_000,
});

function sampleBatch(ids: readonly string[]): OutboundBatch {
  const from = checkpointBehind('j', toSequence(0n));
  const records = ids.map((id) => sampleOutbound(sampleInsert([id, '1.00', null])));
  return { records, from, to: checkpointBehind('j', toSequence(1n)), endsTransaction: true };
}

const ids = Array.from({ length: 40 }, (_, index) => String(index));
const partitionsOf = (plan: BatchPlan, count: number): readonly number[] =>
  plan.lay(new BatchLayout(), () => limits(count)).map(({ partition }) => partition);

test('a batch laid out ahead goes out as it was laid out, once', () => {
  const plan = new BatchPlan(sampleBatch(ids), {});
  const layout = new BatchLayout();
  plan.layAhead(layout, () => limits(3));
  const first = plan.lay(layout, () => limits(3));
  const second = plan.lay(layout, () => limits(3));
  assert.notEqual(first, second, 'a record batch is encoded once: a second write needs another one');
  assert.deepEqual(plan.topics, ['public.orders']);
  const recordCount = first.flatMap(({ batches }) => batches).reduce((sum, batch) => sum + batch.recordCount, 0);
  assert.equal(recordCount, ids.length);
});

test('a batch laid out ahead is laid out anew when its topic has other partitions by then, so a key keeps its place', () => {
  const plan = new BatchPlan(sampleBatch(ids), {});
  plan.layAhead(new BatchLayout(), () => limits(1));
  const expected = partitionsOf(new BatchPlan(sampleBatch(ids), {}), 8);
  assert.deepEqual(partitionsOf(plan, 8), expected);
  assert.ok(expected.length > 1);
});
