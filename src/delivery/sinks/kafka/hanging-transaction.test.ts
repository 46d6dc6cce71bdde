import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  decideEnding,
  type Ending,
  isEmptyBehindHanging,
  type LastTransaction,
  seeAgain,
  seeEpochGiven,
} from './hanging-transaction.ts';

const place = { topic: 't', partition: 1, startOffset: 22n };
const last = (state: string, ...places: readonly string[]): LastTransaction => ({ state, places: new Set(places) });

const cases: readonly (readonly [string, LastTransaction | undefined, bigint | undefined, Ending])[] = [
  ['begun in front of what was acknowledged', last('CompleteAbort', 't:1'), 26n, 'commit'],
  ['the coordinator committed', last('CompleteCommit'), undefined, 'commit'],
  ['the coordinator is committing', last('PrepareCommit', 't:1'), 22n, 'commit'],
  ['of the transaction that was aborted', last('CompleteAbort', 't:0', 't:1'), 22n, 'abort'],
  ['of the one before that was aborted', last('CompleteAbort', 't:0'), undefined, 'commit'],
  ['of an aborted one whose partitions nobody knows', last('CompleteAbort'), undefined, 'unknown'],
  ['ended without being seen', last('Unclear', 't:1'), undefined, 'unknown'],
  ['nothing is known', undefined, undefined, 'unknown'],
];

describe('a transaction that hangs is ended as it was decided', () => {
  for (const [name, known, next, ending] of cases) {
    test(name, () => {
      assert.equal(decideEnding(place, known, new Map(next === undefined ? [] : [['t:1', next]])), ending);
    });
  }

  test('the last look counts, with the partitions of an earlier one', () => {
    const seen = [last('Ongoing', 't:1'), last('PrepareAbort', 't:1'), last('CompleteAbort'), last('Empty')];
    const known = seen.reduce<LastTransaction | undefined>((before, now) => seeAgain(before, now), undefined);
    assert.deepEqual(known, last('CompleteAbort', 't:1'));
    assert.deepEqual(seeEpochGiven(known), known);
  });

  test('one that was open when an epoch was given at once is not guessed', () => {
    assert.equal(seeEpochGiven(seeAgain(undefined, last('Ongoing', 't:1')))?.state, 'Unclear');
    assert.equal(seeEpochGiven(seeAgain(undefined, undefined)), undefined);
  });
});

describe('a transaction of unknown outcome', () => {
  const begun = { places: new Set(['t:0', 't:1']), firstSequences: new Map([['t:1', 4]]) };
  const acknowledged = new Map([['t:1', 26n]]);
  const at = (partition: number, startOffset: bigint, lastSequence: number) => ({
    topic: 't',
    partition,
    startOffset,
    lastSequence,
  });

  test('is committed where it wrote nothing and its end would hide what was acknowledged', () => {
    assert.equal(isEmptyBehindHanging(begun, [at(0, -1n, -1), at(1, 22n, 3)], acknowledged), true);
  });

  test('is given up when it wrote something', () => {
    assert.equal(isEmptyBehindHanging(begun, [at(1, 22n, 6)], acknowledged), false);
  });

  test('is given up when nothing acknowledged hangs in its partitions', () => {
    assert.equal(isEmptyBehindHanging(begun, [at(0, -1n, -1), at(1, -1n, 3)], acknowledged), false);
    assert.equal(isEmptyBehindHanging(begun, [at(1, 26n, 3)], acknowledged), false);
    assert.equal(isEmptyBehindHanging(begun, [at(2, 22n, 3)], acknowledged), false);
  });
});
