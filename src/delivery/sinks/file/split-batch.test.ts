import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkpointBehind } from '../../checkpoint.ts';
import type { OutboundBatch, OutboundRecord } from '../../sink.ts';
import { toSequence } from '../../../model/position.ts';
import { splitAtLastEnd } from './split-batch.ts';

/** Records by their sequences, up to `recordCount` records of the transaction behind `end`. */
function batchOf(sequences: readonly bigint[], end: bigint, recordCount: number): OutboundBatch {
  const records = sequences.map((sequence) => ({ header: { sequence: toSequence(sequence) } }) as OutboundRecord);
  const from = checkpointBehind('journal', toSequence(0n));
  const to = { ...checkpointBehind('journal', toSequence(end)), recordCount };
  return { records, from, to, endsTransaction: recordCount === 0 };
}

test('a batch is cut behind the last whole transaction that it holds records of, and nowhere else', () => {
  const cases: readonly (readonly [
    readonly bigint[],
    bigint,
    number,
    readonly [number, bigint, number] | undefined,
  ])[] = [
    [[1n, 1n, 2n], 1n, 1, [2, 1n, 1]],
    [[1n, 2n, 3n, 3n], 2n, 2, [2, 2n, 2]],
    [[1n, 2n], 2n, 0, undefined],
    [[3n, 3n], 2n, 2, undefined],
    [[1n, 2n], 2n, 5, [2, 2n, 0]],
    [[], 2n, 5, undefined],
  ];
  for (const [sequences, end, recordCount, expected] of cases) {
    const batch = batchOf(sequences, end, recordCount);
    const parts = splitAtLastEnd(batch);
    const found =
      parts === undefined ? undefined : [parts[0].records.length, parts[0].to.sequence, parts[1].records.length];
    assert.deepEqual(found, expected, `${sequences.join()} to ${end}+${recordCount}`);
    if (parts === undefined) continue;
    assert.equal(parts[0].to.recordCount, 0);
    assert.deepEqual([parts[0].from, parts[1].from, parts[1].to], [batch.from, parts[0].to, batch.to]);
  }
});
