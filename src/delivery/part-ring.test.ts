import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../foundation/clock.ts';
import { toLsn } from '../model/lsn.ts';
import { sequenceZero, toSequence } from '../model/position.ts';
import type { DecodedPart } from './decoded-part.ts';
import { PartRing } from './part-ring.ts';

const partByteCount = 100;

function createPart(sequence: number): DecodedPart {
  return {
    header: {
      sequence: toSequence(BigInt(sequence)),
      systemId: '1',
      timeline: 1,
      xid: sequence,
      commitLsn: toLsn(1n),
      commitEndLsn: toLsn(BigInt(sequence)),
      commitTimeMicros: 0n,
      messageCount: 0,
    },
    records: [],
    isFirst: true,
    isLast: true,
    byteCount: 0,
    firstOrdinal: 0,
    counts: { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 },
    memoryByteCount: partByteCount,
  };
}

test('lets go of the parts that it has dropped, so that a large transaction does not fill the memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const ring = new PartRing(3 * partByteCount);
  ring.reset({ sequence: sequenceZero, recordCount: 0 });
  const added = Array.from({ length: 20 }, (_, index) => {
    const part = createPart(index + 1);
    ring.add(part, { sequence: part.header.sequence, recordCount: 0 });
    return new WeakRef(part);
  });
  // A reference that was just made holds its target to the end of the job.
  await systemClock.sleep(1);
  collectGarbage();
  assert.equal(ring.byteCount, 3 * partByteCount);
  assert.equal(added.filter((part) => part.deref() !== undefined).length, 3);
  assert.equal(ring.at(ring.endIndex - 3)?.header.sequence, 18n);
  assert.equal(ring.find(toSequence(18n)), ring.endIndex - 2);
});
