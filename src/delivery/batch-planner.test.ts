import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { toLsn } from '../model/lsn.ts';
import { toSequence } from '../model/position.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import { BatchPlanner } from './batch-planner.ts';
import { checkpointBehind, compareCheckpoints, isSameCheckpoint } from './checkpoint.ts';
import { toOutboundRecord } from './outbound-record.ts';
import type { DecodedPart } from './decoded-part.ts';
import type { OutboundBatch, OutboundRecord } from './sink.ts';
import { testEvent } from '../testing/memory-journal.ts';

function headerOf(sequence: number): TransactionHeader {
  return {
    sequence: toSequence(BigInt(sequence)),
    systemId: '1',
    timeline: 1,
    xid: sequence,
    commitLsn: toLsn(1n),
    commitEndLsn: toLsn(BigInt(sequence)),
    commitTimeMicros: 0n,
    messageCount: 0,
  };
}

/** A transaction of parts, each of records with these sizes; negative ones are filtered. */
function partsOf(sequence: number, parts: readonly (readonly number[])[]): readonly DecodedPart[] {
  const header = headerOf(sequence);
  let ordinal = 0;
  return parts.map((sizes, index) => {
    const firstOrdinal = ordinal;
    const records = sizes.map(() => ({ ...testEvent('k', `${sequence}.${ordinal}`), ordinal: ordinal++ }));
    const byteCount = sizes.reduce((sum, size) => sum + Math.abs(size), 0);
    const counts = { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 };
    return {
      header,
      records,
      isFirst: index === 0,
      isLast: index === parts.length - 1,
      byteCount,
      firstOrdinal,
      counts,
      memoryByteCount: 0,
    };
  });
}

interface Plan {
  readonly batches: readonly OutboundBatch[];
  readonly taken: readonly string[];
}

/** Feeds transactions as a lane does, cutting only when the planner says so, and once more at the end. */
function plan(
  unit: 'transaction' | 'batch',
  limits: { recordCountMax: number; byteCountMax: number },
  transactions: readonly (readonly (readonly number[])[])[],
): Plan {
  const planner = new BatchPlanner({ unit, limits, from: checkpointBehind('j', toSequence(0n)) });
  const batches: OutboundBatch[] = [];
  const taken: string[] = [];
  for (const [index, sizes] of transactions.entries()) {
    for (const [partIndex, part] of partsOf(index + 1, sizes).entries()) {
      if (!planner.begin(part)) {
        batches.push(planner.cut());
        assert.ok(planner.begin(part));
      }
      for (const [offset, record] of part.records.entries()) {
        const size = sizes[partIndex]?.[offset] ?? 1;
        const outbound = size < 0 ? undefined : toOutboundRecord(record, part.header, {});
        if (outbound === undefined) {
          planner.pass(part.header, record.ordinal + 1);
          continue;
        }
        const sized: OutboundRecord = { ...outbound, byteCount: size };
        if (!planner.fits(size)) batches.push(planner.cut());
        planner.add(sized);
        taken.push(sized.id);
      }
      if (part.isLast) planner.endTransaction(part.header);
    }
  }
  if (!planner.isEmpty) batches.push(planner.cut());
  return { batches, taken };
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: -5, max: -1 })), { maxLength: 8 });
const transactions = fc.array(fc.array(sizes, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });

describe('batches', () => {
  test('has nothing to write between a cut inside a transaction and what follows it', () => {
    const planner = new BatchPlanner({
      unit: 'transaction',
      limits: { recordCountMax: 1, byteCountMax: 100 },
      from: checkpointBehind('j', toSequence(0n)),
    });
    const [first, last] = partsOf(1, [[1], [-1]]);
    assert.ok(first !== undefined && last !== undefined);
    planner.begin(first);
    for (const record of first.records) {
      const outbound = toOutboundRecord(record, first.header, {});
      if (outbound !== undefined) planner.add(outbound);
    }
    assert.equal(planner.isEmpty, false);
    assert.equal(planner.cut().endsTransaction, false);
    assert.equal(planner.isEmpty, true, 'nothing came since: a batch now would be written for ever');
    planner.pass(last.header, 2);
    assert.equal(planner.isEmpty, true);
    planner.endTransaction(last.header);
    assert.equal(planner.isEmpty, false, 'the end of what was begun must be written');
    assert.equal(planner.cut().endsTransaction, true);
  });

  test('are cut as they were shown, and shown anew when something was added', () => {
    const limits = { recordCountMax: 9, byteCountMax: 10_000 };
    const planner = new BatchPlanner({ unit: 'batch', limits, from: checkpointBehind('j', toSequence(0n)) });
    const [part] = partsOf(1, [[1, 1]]);
    assert.ok(part !== undefined);
    planner.begin(part);
    const shown = planner.preview();
    for (const record of part.records) {
      const outbound = toOutboundRecord(record, part.header, {});
      if (outbound !== undefined) planner.add(outbound);
    }
    assert.notEqual(planner.preview(), shown);
    const whole = planner.preview();
    assert.equal(whole.to.recordCount, 2);
    assert.equal(planner.cut(), whole);
    assert.equal(planner.preview().records.length, 0);
  });

  for (const unit of ['transaction', 'batch'] as const) {
    test(`of unit ${unit} join without a gap, keep every record in order, and keep their limits (I1, I2)`, () => {
      fc.assert(
        fc.property(
          transactions,
          fc.integer({ min: 1, max: 10 }),
          fc.integer({ min: 1, max: 40 }),
          (input, recordCountMax, byteCountMax) => {
            const { batches, taken } = plan(unit, { recordCountMax, byteCountMax }, input);
            assert.deepEqual(
              batches.flatMap(({ records }) => records.map(({ id }) => id)),
              taken,
            );
            let from = checkpointBehind('j', toSequence(0n));
            for (const batch of batches) {
              assert.ok(isSameCheckpoint(batch.from, from) && compareCheckpoints(batch.from, batch.to) <= 0);
              from = batch.to;
              assert.ok(batch.records.length <= recordCountMax);
              const bytes = batch.records.reduce((sum, record) => sum + record.byteCount, 0);
              assert.ok(batch.records.length <= 1 || bytes <= byteCountMax);
              assert.equal(batch.endsTransaction, batch.to.recordCount === 0);
            }
          },
        ),
      );
    });
  }

  test('of unit transaction never cut a transaction that comes whole within the limits (I3)', () => {
    fc.assert(
      fc.property(transactions, (input) => {
        const limits = { recordCountMax: 9, byteCountMax: 60 };
        const { batches } = plan('transaction', limits, input);
        for (const batch of batches) {
          if (batch.endsTransaction) continue;
          const cut = input[Number(batch.to.sequence)] ?? [];
          const isSmall =
            cut.length === 1 &&
            cut[0] !== undefined &&
            cut[0].length <= 9 &&
            cut[0].reduce((sum, size) => sum + Math.abs(size), 0) <= 60;
          assert.ok(!isSmall, 'it would have fitted into a batch of its own');
          const ids = new Set(batch.records.map(({ header }) => header.sequence));
          assert.ok(ids.size <= 1, 'a transaction that is cut begins a batch of its own');
        }
      }),
    );
  });

  test('share several small transactions, and end with them', () => {
    const { batches } = plan('transaction', { recordCountMax: 5, byteCountMax: 100 }, [[[1, 1]], [[1, 1]], [[1, 1]]]);
    assert.deepEqual(
      batches.map(({ records, endsTransaction }) => [records.length, endsTransaction]),
      [
        [4, true],
        [2, true],
      ],
    );
  });

  test('end an open transaction even when nothing of its rest passed the filter', () => {
    const { batches } = plan('transaction', { recordCountMax: 2, byteCountMax: 100 }, [[[1, 1], [-1]]]);
    assert.deepEqual(
      batches.map(({ records, endsTransaction }) => [records.length, endsTransaction]),
      [
        [2, false],
        [0, true],
      ],
    );
  });

  test('keep the count of releases of the place that they begin at, until a record moves it', () => {
    const from = { ...checkpointBehind('j', toSequence(1n)), releaseCount: 3 };
    const planner = new BatchPlanner({ unit: 'batch', limits: { recordCountMax: 10, byteCountMax: 1000 }, from });
    assert.equal(planner.to.releaseCount, 3);
    assert.equal(planner.previewRelease().to.releaseCount, 4);
    planner.release(planner.previewRelease());
    assert.equal(planner.to.releaseCount, 4);
    planner.pass(headerOf(2), 1);
    assert.deepEqual([planner.to.recordCount, planner.to.releaseCount], [1, undefined]);
  });

  test('refuse records out of order', () => {
    const planner = new BatchPlanner({
      unit: 'batch',
      limits: { recordCountMax: 9, byteCountMax: 9 },
      from: checkpointBehind('j', toSequence(0n)),
    });
    assert.throws(() => planner.pass(headerOf(2), 1), { code: 'HW-INTERNAL-002' });
    planner.pass(headerOf(1), 2);
    assert.throws(() => planner.pass(headerOf(1), 1), { code: 'HW-INTERNAL-002' });
    assert.throws(() => planner.endTransaction(headerOf(3)), { code: 'HW-INTERNAL-002' });
  });
});
