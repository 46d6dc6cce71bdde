import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgePartitionCounts } from './partition-counts.ts';

const known = new Map([
  ['a', 4],
  ['b', 12],
]);

test('a topic with the known number of partitions is accepted and nothing is written anew', () => {
  const verdict = judgePartitionCounts(known, new Map([['a', 4]]), {});
  assert.deepEqual(verdict, { kind: 'sound', counts: known, isNew: false });
});

test('a topic that the lane has not met is remembered beside the others', () => {
  const verdict = judgePartitionCounts(known, new Map([['c', 3]]), {});
  assert.deepEqual(verdict, { kind: 'sound', counts: new Map([...known, ['c', 3]]), isNew: true });
});

test('a changed number of partitions is refused by name, both ways', () => {
  for (const found of [3, 5]) {
    const verdict = judgePartitionCounts(known, new Map([['a', found]]), {});
    assert.deepEqual(verdict, { kind: 'changed', topic: 'a', known: 4, found });
  }
});

test('a changed number is accepted only when the user names just that number', () => {
  assert.equal(judgePartitionCounts(known, new Map([['a', 8]]), { a: 6 }).kind, 'changed');
  assert.equal(judgePartitionCounts(known, new Map([['a', 8]]), { b: 8 }).kind, 'changed');
  const verdict = judgePartitionCounts(known, new Map([['a', 8]]), { a: 8 });
  assert.deepEqual(verdict, { kind: 'sound', counts: new Map([...known, ['a', 8]]), isNew: true });
});
