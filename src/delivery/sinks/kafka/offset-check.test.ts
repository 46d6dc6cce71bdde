import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeOffsets, type SentBatch, type TakenBatch } from './offset-check.ts';

const sent = (partition: number, recordCount: number): SentBatch => ({ topic: 't', partition, recordCount });
const taken = (partition: number, baseOffset: bigint): TakenBatch => ({
  topic: 't',
  partition,
  baseOffset,
  recordCount: 0,
});

interface Case {
  readonly name: string;
  readonly known?: readonly (readonly [string, bigint])[];
  readonly sent: readonly SentBatch[];
  readonly taken: readonly (TakenBatch | undefined)[];
  readonly expected: Readonly<Record<string, bigint>> | string;
}

const cases: readonly Case[] = [
  { name: 'first batch of an empty partition', sent: [sent(0, 3)], taken: [taken(0, 0n)], expected: { 't:0': 3n } },
  { name: 'a gap says nothing', sent: [sent(0, 3)], taken: [taken(0, 40n)], expected: { 't:0': 43n } },
  {
    name: 'directly behind the known end',
    known: [['t:0', 7n]],
    sent: [sent(0, 2)],
    taken: [taken(0, 7n)],
    expected: { 't:0': 9n },
  },
  {
    name: 'two batches of one partition in order',
    sent: [sent(0, 2), sent(0, 2)],
    taken: [taken(0, 5n), taken(0, 7n)],
    expected: { 't:0': 9n },
  },
  {
    name: 'partitions are judged apart',
    known: [['t:1', 100n]],
    sent: [sent(0, 1), sent(1, 1)],
    taken: [taken(0, 0n), taken(1, 100n)],
    expected: { 't:0': 1n, 't:1': 101n },
  },
  {
    name: 'the same offset for two batches',
    sent: [sent(0, 1), sent(0, 1)],
    taken: [taken(0, 5n), taken(0, 5n)],
    expected: 'the broker gave offset 5; everything before 6 is taken',
  },
  {
    name: 'batches that overlap',
    sent: [sent(0, 3), sent(0, 1)],
    taken: [taken(0, 5n), taken(0, 7n)],
    expected: 'the broker gave offset 7; everything before 8 is taken',
  },
  {
    name: 'a log that went back',
    known: [['t:0', 50n]],
    sent: [sent(0, 1)],
    taken: [taken(0, 12n)],
    expected: 'the broker gave offset 12; everything before 50 is taken',
  },
  {
    name: 'a negative offset',
    sent: [sent(0, 1)],
    taken: [taken(0, -1n)],
    expected: 'the broker gave offset -1; everything before 0 is taken',
  },
  { name: 'no answer', sent: [sent(0, 1)], taken: [undefined], expected: 'the broker gave no offset for a batch' },
  { name: 'too few answers', sent: [sent(0, 1)], taken: [], expected: 'the broker gave no offset for a batch' },
  {
    name: 'an answer for another partition',
    sent: [sent(0, 1)],
    taken: [taken(1, 5n)],
    expected: 'the broker gave no offset for a batch',
  },
];

for (const { expected, known, name, sent: batches, taken: answers } of cases) {
  test(`offsets that a broker returned are judged: ${name}`, () => {
    const verdict = judgeOffsets(batches, answers, new Map(known ?? []));
    if (typeof expected === 'string') {
      assert.equal(verdict.kind, 'violation');
      assert.equal(verdict.kind === 'violation' && verdict.reason, expected);
    } else {
      assert.equal(verdict.kind, 'sound');
      const next = verdict.kind === 'sound' ? Object.fromEntries(verdict.next) : {};
      assert.deepEqual({ ...Object.fromEntries(known ?? []), ...expected }, next);
    }
  });
}

test('a marker that is missing behind the last transaction is no reason to stop, a record that is overwritten is', () => {
  const first = judgeOffsets([sent(0, 2)], [taken(0, 5n)], new Map());
  assert.ok(first.kind === 'sound');
  assert.equal(judgeOffsets([sent(0, 1)], [taken(0, 8n)], first.next).kind, 'sound');
  assert.equal(judgeOffsets([sent(0, 1)], [taken(0, 7n)], first.next).kind, 'sound');
  assert.equal(judgeOffsets([sent(0, 1)], [taken(0, 6n)], first.next).kind, 'violation');
});
