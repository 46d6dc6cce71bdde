import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { toSequence } from '../model/position.ts';
import { AcknowledgementTracker, type Ticket } from './acknowledgement-tracker.ts';
import { type Checkpoint, checkpointBehind } from './checkpoint.ts';

const at = (sequence: number, recordCount = 0): Checkpoint => ({
  ...checkpointBehind('j', toSequence(BigInt(sequence))),
  recordCount,
});

describe('the checkpoint', () => {
  test('never passes a unit that is not acknowledged, in whichever order acknowledgements come (I1, I2)', () => {
    const steps = fc.array(
      fc.oneof({ weight: 3, arbitrary: fc.constant('take' as const) }, fc.constant('pass' as const)),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (plan, picks) => {
        const tracker = new AcknowledgementTracker(at(0));
        const open: { ticket: Ticket; after: number }[] = [];
        const acknowledgeOne = (): void => {
          const index = (picks.next().value ?? 0) % open.length;
          const [unit] = open.splice(index, 1);
          if (unit !== undefined) tracker.acknowledge(unit.ticket);
        };
        let last = 0;
        let before = tracker.acknowledged.sequence;
        const check = (): void => {
          const firstOpen = Math.min(...open.map(({ after }) => after), Number.POSITIVE_INFINITY);
          const { sequence } = tracker.acknowledged;
          assert.ok(Number(sequence) < firstOpen, 'a hole is never passed');
          assert.ok(sequence >= before, 'never back');
          before = sequence;
        };
        for (const step of plan) {
          last += 1;
          if (step === 'take') open.push({ ticket: tracker.take(at(last)), after: last });
          else tracker.pass(at(last));
          if (open.length > 0 && (picks.next().value ?? 0) % 3 === 0) acknowledgeOne();
          check();
        }
        while (open.length > 0) {
          acknowledgeOne();
          check();
        }
        assert.equal(Number(tracker.acknowledged.sequence), last, 'everything acknowledged is passed');
        assert.equal(tracker.openCount, 0);
      }),
    );
  });

  test('passes what has no effect at once when nothing is open, and with the unit before it otherwise', () => {
    const tracker = new AcknowledgementTracker(at(0));
    tracker.pass(at(0, 2));
    assert.deepEqual(tracker.acknowledged, at(0, 2));
    const ticket = tracker.take(at(0, 3));
    tracker.pass(at(1));
    assert.deepEqual(tracker.acknowledged, at(0, 2));
    assert.equal(tracker.acknowledge(ticket), true);
    assert.deepEqual(tracker.acknowledged, at(1));
  });

  test('refuses an acknowledgement that comes twice, and units out of order', () => {
    const tracker = new AcknowledgementTracker(at(0));
    const first = tracker.take(at(1));
    const second = tracker.take(at(2));
    assert.equal(tracker.acknowledge(second), false);
    assert.throws(() => tracker.acknowledge(second), { code: 'HW-INTERNAL-002' });
    tracker.acknowledge(first);
    assert.throws(() => tracker.acknowledge(first), { code: 'HW-INTERNAL-002' });
    assert.throws(() => tracker.take(at(1)), { code: 'HW-INTERNAL-002' });
  });
});
