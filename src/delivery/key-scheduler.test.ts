import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { KeyScheduler, type RecordOrder, type Turn } from './key-scheduler.ts';

interface Unit {
  readonly index: number;
  readonly order: RecordOrder;
}

const key = fc.constantFrom('a', 'b', 'c');
const order: fc.Arbitrary<RecordOrder> = fc.oneof(
  { weight: 6, arbitrary: key.map((name): RecordOrder => ({ kind: 'keys', keys: [name] })) },
  {
    weight: 2,
    arbitrary: fc.uniqueArray(key, { minLength: 2, maxLength: 2 }).map((keys): RecordOrder => ({ kind: 'keys', keys })),
  },
  { weight: 1, arbitrary: fc.constant<RecordOrder>({ kind: 'free' }) },
  { weight: 1, arbitrary: fc.constant<RecordOrder>({ kind: 'barrier' }) },
);

/** Whether two units may not be under way together, and not change places. */
function collide(left: RecordOrder, right: RecordOrder): boolean {
  if (left.kind === 'barrier' || right.kind === 'barrier') return true;
  if (left.kind === 'free' || right.kind === 'free') return false;
  return left.keys.some((name) => right.keys.includes(name));
}

describe('units of work', () => {
  test('of one key begin in order and one at a time, barriers alone, and none is left behind (I1, I2, I3)', () => {
    fc.assert(
      fc.property(
        fc.array(order, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat()),
        (orders, concurrencyMax, picks) => {
          const pick = (count: number): number => (picks.next().value ?? 0) % count;
          const scheduler = new KeyScheduler<Unit>({ concurrencyMax, pendingCountMax: 8, pendingByteCountMax: 100 });
          const waiting = orders.map((each, index): Unit => ({ index, order: each }));
          const pending: Unit[] = [];
          const inFlight: Turn<Unit>[] = [];
          const aside: Turn<Unit>[] = [];
          const settled: Unit[] = [];
          const begin = (): void => {
            for (let turn = scheduler.next(); turn !== undefined; turn = scheduler.next()) {
              const { index, order: mine } = turn.unit;
              for (const other of pending) {
                if (other.index < index) assert.ok(!collide(other.order, mine), 'nothing is overtaken');
              }
              for (const other of [...inFlight, ...aside])
                if (other !== turn) assert.ok(!collide(other.unit.order, mine), 'one of a key at a time');
              inFlight.push(turn);
              assert.ok(inFlight.length <= concurrencyMax);
            }
          };
          let steps = 0;
          while (settled.length < orders.length) {
            steps += 1;
            assert.ok(steps < 2000, 'everything comes to its turn');
            while (scheduler.hasRoom && waiting[0] !== undefined) {
              const unit = waiting.shift() as Unit;
              pending.push(unit);
              scheduler.add(unit, unit.order, 1);
            }
            begin();
            const choice = pick(4);
            if (choice === 0 && aside.length > 0)
              scheduler.bringBack(aside.splice(pick(aside.length), 1)[0] as Turn<Unit>);
            else if (inFlight.length > 0) {
              const [turn] = inFlight.splice(pick(inFlight.length), 1) as [Turn<Unit>];
              const { unit } = turn;
              if (choice === 1) {
                scheduler.setAside(turn);
                aside.push(turn);
              } else {
                scheduler.settle(turn);
                pending.splice(pending.indexOf(unit), 1);
                settled.push(unit);
              }
            } else if (aside.length > 0) scheduler.bringBack(aside.shift() as Turn<Unit>);
          }
          assert.equal(scheduler.pendingCount + scheduler.inFlightCount + scheduler.pendingByteCount, 0);
          for (const [place, unit] of settled.entries()) {
            for (const later of settled.slice(place + 1)) {
              if (later.index < unit.index)
                assert.ok(!collide(later.order, unit.order), 'effects of a key are in order');
            }
          }
        },
      ),
    );
  });

  test('are taken while there is room in number and bytes, and one always is', () => {
    const scheduler = new KeyScheduler<number>({ concurrencyMax: 1, pendingCountMax: 2, pendingByteCountMax: 10 });
    scheduler.add(1, { kind: 'free' }, 50);
    assert.equal(scheduler.hasRoom, false);
    assert.throws(() => scheduler.add(2, { kind: 'free' }, 1), { code: 'HW-INTERNAL-002' });
    const turn = scheduler.next();
    assert.equal(turn?.unit, 1);
    scheduler.settle(turn);
    assert.throws(() => scheduler.settle(turn), { code: 'HW-INTERNAL-002' });
    scheduler.add(3, { kind: 'free' }, 1);
    scheduler.add(4, { kind: 'free' }, 1);
    assert.equal(scheduler.hasRoom, false);
  });
});
