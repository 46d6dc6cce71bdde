import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import { testEvent } from '../../testing/memory-journal.ts';
import { RecordingStore } from '../testing/recording-sink.ts';
import { insertRow, testTable, truncateTables, updateRow } from '../testing/test-table.ts';
import type { Lane } from '../lane.ts';
import type { LaneOptions } from '../lane-options.ts';
import type { OutboundBatch, SinkCapabilities } from '../sink.ts';
import { listParked } from './parked-store.ts';

const poison = new HeadwaterError('HW-SINK-007', 'the store refuses the record');

/** A store that refuses some records until it is mended. */
function refusing(
  capability: Partial<SinkCapabilities>,
  ...ids: readonly string[]
): RecordingStore & { bad: Set<string> } {
  const bad = new Set(ids);
  const store = Object.assign(new RecordingStore(capability), { bad });
  store.script = ({ records }: OutboundBatch) => (records.some(({ id }) => bad.has(id)) ? { throw: poison } : 'take');
  return store;
}

async function startLane(stage: LaneStage, store: RecordingStore, options: Partial<LaneOptions> = {}): Promise<Lane> {
  const lane = stage.lane({ sink: store.definition, onPoisoned: 'park', ...options });
  await lane.start();
  return lane;
}

/**
 * Goes on until the condition holds. An empty transaction is what a canary leaves in the journal: it lets a checkpoint move
 * that the sink keeps.
 */
async function moveUntil(stage: LaneStage, isMet: () => boolean): Promise<void> {
  for (let turn = 0; !isMet(); turn += 1) {
    assert.ok(turn < 10_000, 'it comes to an end');
    if (turn % 20 === 0) stage.journal.append([]);
    await nextTurn();
  }
}

const capabilities: readonly Partial<SinkCapabilities>[] = [
  { unit: 'batch', checkpointIn: 'sink' },
  { unit: 'batch', checkpointIn: 'lane' },
  { unit: 'record', checkpointIn: 'lane' },
];

/** The ordinal in the id of a row change. */
function placeOf(id: string): string {
  return id.slice(id.lastIndexOf('-') + 1);
}

/** Lets everything that was to happen now happen. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('a parked key', () => {
  test('is one of an event that the catalogue does not know, until it does', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore({ unit: 'batch', checkpointIn: 'lane' });
    const lost = testEvent('b', 'b1');
    assert.ok(lost.kind === 'event');
    const unknown = { ...lost, event: { ...lost.event, type: 'order.lost' } };
    stage.journal.append([testEvent('a', 'a1'), unknown, testEvent('b', 'b2'), testEvent('c', 'c1')]);
    const known = { 'test.happened': { schemaVersion: 1 } };
    const lane = await startLane(stage, store, { events: known });
    await lane.drain();
    assert.deepEqual(new Set(store.ids), new Set(['a1', 'c1']));
    assert.deepEqual(
      lane.parked.keys.map(({ code, id, waitingCount }) => ({ code, id, waitingCount })),
      [{ code: 'HW-EVENTS-001', id: 'b1', waitingCount: 1 }],
    );
    await lane.stop();
    const informed = stage.lane({ sink: store.definition, events: { ...known, 'order.lost': { schemaVersion: 1 } } });
    await informed.start();
    informed.retryParked();
    await moveUntil(stage, () => store.ids.includes('b2'));
    assert.deepEqual(store.ids.slice(-2), ['b1', 'b2']);
  });

  for (const capability of capabilities) {
    const sink = `with unit ${capability.unit} and the checkpoint in the ${capability.checkpointIn}`;

    test(`holds later records of its key and nobody else, and goes on in order once mended, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, 'b1');
      stage.journal.append([testEvent('a', 'a1'), testEvent('b', 'b1'), testEvent('c', 'c1')]);
      stage.journal.append([testEvent('b', 'b2'), testEvent('a', 'a2')]);
      stage.journal.append([testEvent('b', 'b3'), testEvent(null, 'n1')]);
      const lane = await startLane(stage, store);
      await lane.drain();
      assert.deepEqual(new Set(store.ids), new Set(['a1', 'c1', 'a2', 'n1']));
      assert.deepEqual(
        lane.parked.keys.map(({ id, key, code, waitingCount }) => ({ id, key, code, waitingCount })),
        [{ id: 'b1', key: 'b', code: 'HW-SINK-007', waitingCount: 2 }],
      );
      assert.equal(lane.status().checkpoint?.sequence, 3n);
      store.bad.clear();
      assert.equal(lane.retryParked('b1'), 1);
      stage.journal.append([testEvent('b', 'b4')]);
      await moveUntil(stage, () => store.ids.includes('b4'));
      assert.deepEqual(store.ids.slice(4), ['b1', 'b2', 'b3', 'b4']);
      await lane.stop();
      assert.deepEqual(lane.parked.keys.concat(lane.parked.waiting as never[]), []);
    });

    test(`stays parked over a restart, and what is met again is not listed twice, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      stage.journal.append([testEvent('k', '1')]);
      stage.journal.append([testEvent('k', '2'), testEvent('x', '3')]);
      await using first = disposable(await startLane(stage, store));
      await first.lane.drain();
      await first.lane.stop();
      stage.journal.append([testEvent('k', '4'), testEvent('x', '5')]);
      const second = await startLane(stage, store);
      await second.drain();
      assert.deepEqual(store.ids, ['3', '5']);
      assert.equal(second.parked.keys[0]?.waitingCount, 2);
      assert.deepEqual(
        second.parked.waiting.map(({ id }) => id),
        ['2', '4'],
      );
      store.bad.clear();
      second.retryParked();
      await moveUntil(stage, () => store.ids.includes('4'));
      assert.deepEqual(store.ids.slice(2), ['1', '2', '4']);
    });

    test(`keeps the journal from the oldest parked record on, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '2');
      stage.journal.append([testEvent('a', '1')]);
      stage.journal.append([testEvent('k', '2')]);
      for (let n = 3; n <= 9; n += 1) stage.journal.append([testEvent('a', String(n))]);
      const lane = await startLane(stage, store);
      await lane.drain();
      assert.equal(lane.status().checkpoint?.sequence, 9n);
      assert.equal(lane.durableSequence, 1n);
      assert.equal(lane.secureCheckpoint(), 1n);
      lane.dropParked('2', 'a duplicate of the old system');
      assert.equal(lane.durableSequence, 9n);
      assert.equal(lane.secureCheckpoint(), 9n);
    });

    test(`lets go on what waits once its record is dropped, with the reason on record, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      stage.journal.append([testEvent('k', '1'), testEvent('k', '2')]);
      const lane = await startLane(stage, store);
      await lane.drain();
      lane.dropParked('1', 'wrong customer');
      await moveUntil(stage, () => store.ids.includes('2'));
      assert.deepEqual(store.ids, ['2']);
      const [dropped] = lane.parked.dropped;
      assert.equal(dropped?.id, '1');
      assert.equal(dropped?.reason, 'wrong customer');
      assert.equal(dropped?.code, 'HW-SINK-007');
      assert.throws(() => lane.retryParked('1'), { code: 'HW-LANE-016' });
    });

    test(`stays parked when the retry fails again, in front of what waits, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      stage.journal.append([testEvent('k', '1'), testEvent('k', '2'), testEvent('x', '3')]);
      const lane = await startLane(stage, store);
      await lane.drain();
      lane.retryParked('1');
      stage.journal.append([testEvent('x', '4')]);
      await moveUntil(stage, () => lane.parked.keys[0]?.attemptCount === 2);
      await lane.drain();
      assert.equal(lane.parked.keys[0]?.isRetrying, false);
      assert.deepEqual(store.ids, ['3', '4']);
      assert.equal(lane.parked.waiting.length, 1);
    });

    test(`is parked at the second poisoned record when the first is mended, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1', '3');
      stage.journal.append(['1', '2', '3', '4'].map((id) => testEvent('k', id)));
      const lane = await startLane(stage, store);
      await lane.drain();
      store.bad.delete('1');
      lane.retryParked('1');
      await moveUntil(stage, () => lane.parked.keys[0]?.id === '3');
      assert.deepEqual(store.ids, ['1', '2']);
      assert.deepEqual(
        lane.parked.waiting.map(({ id }) => id),
        ['4'],
      );
      store.bad.clear();
      lane.retryParked('3');
      await moveUntil(stage, () => store.ids.includes('4'));
      assert.deepEqual(store.ids, ['1', '2', '3', '4']);
    });

    test(`parks what a function of the lane throws for, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability);
      let isMended = false;
      stage.journal.append([testEvent('k', '1'), testEvent('k', '2'), testEvent('x', '3')]);
      const map: LaneOptions['map'] = (record) => {
        if (!isMended && record.kind === 'event' && record.event.id === '1') throw new TypeError('no such field');
        return record;
      };
      const lane = await startLane(stage, store, { map });
      await lane.drain();
      assert.deepEqual(store.ids, ['3']);
      assert.equal(lane.parked.keys[0]?.code, 'HW-LANE-010');
      isMended = true;
      lane.retryParked();
      await moveUntil(stage, () => store.ids.includes('2'));
      assert.deepEqual(store.ids, ['3', '1', '2']);
    });

    test(`stops the lane by name at the limit, and a retry makes room, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      for (let n = 1; n <= 9; n += 1) stage.journal.append([testEvent('k', String(n))]);
      const lane = await startLane(stage, store, { parked: { recordCountMax: 3 }, batch: { recordCountMax: 2 } });
      await moveUntil(stage, () => lane.status().condition === 'failed');
      assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-014');
      assert.equal(lane.status().parkedRecordCount, 3);
      store.bad.clear();
      lane.retryParked();
      await moveUntil(stage, () => store.ids.length === 9);
      assert.deepEqual(store.ids, ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    });

    test(`is listed durably before the checkpoint passes any record of it, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      const lane = await startLane(stage, store, { batch: { recordCountMax: 2 } });
      for (let n = 1; n <= 6; n += 1) {
        stage.journal.append([testEvent('k', String(n)), testEvent(n % 2 === 0 ? 'k' : 'x', `x${n}`)]);
        await moveUntil(stage, () => {
          const { sequence = 0n } = lane.status().checkpoint ?? {};
          const listed = listParked(stage.states, 'lane').map(({ id }) => id);
          for (const { id } of [...lane.parked.keys, ...lane.parked.waiting].filter(
            (one) => one.sequence <= sequence,
          )) {
            assert.ok(listed.includes(id), `${id} is passed by ${sequence} and listed in memory alone`);
          }
          return sequence >= stage.journal.durableEnd.sequence;
        });
      }
      assert.equal(lane.status().parkedRecordCount, 9);
    });

    test(`holds all keys of a table behind a TRUNCATE that waits for one of them, ${sink}`, async () => {
      await using stage = new LaneStage();
      const orders = testTable('orders', [{ name: 'id', isKey: true }]);
      const other = testTable('other', [{ name: 'id', isKey: true }]);
      const store = new RecordingStore(capability);
      let isMended = false;
      store.script = ({ records }) =>
        !isMended && records.some((one) => one.header.sequence === 1n) ? { throw: poison } : 'take';
      stage.journal.append([insertRow(orders, '1')]);
      stage.journal.append([
        insertRow(other, '1'),
        truncateTables(orders),
        insertRow(orders, '2'),
        insertRow(other, '2'),
      ]);
      const lane = await startLane(stage, store);
      await lane.drain();
      assert.deepEqual(new Set(store.ids.map(placeOf)), new Set(['0', '3']));
      isMended = true;
      lane.retryParked();
      await moveUntil(stage, () => store.ids.length === 5);
      assert.deepEqual(store.ids.slice(2).map(placeOf), ['0', '1', '2']);
    });

    test(`holds both keys of an UPDATE that changes its key, ${sink}`, async () => {
      await using stage = new LaneStage();
      const orders = testTable('orders', [{ name: 'id', isKey: true }]);
      const store = new RecordingStore(capability);
      let isMended = false;
      store.script = ({ records }) =>
        !isMended && records.some((one) => one.header.sequence === 1n) ? { throw: poison } : 'take';
      stage.journal.append([insertRow(orders, 'a')]);
      stage.journal.append([updateRow(orders, ['b'], ['a']), updateRow(orders, ['b']), insertRow(orders, 'c')]);
      const lane = await startLane(stage, store);
      await lane.drain();
      assert.deepEqual(store.ids.map(placeOf), ['2']);
      isMended = true;
      lane.retryParked();
      await moveUntil(stage, () => store.ids.length === 4);
      assert.deepEqual(store.ids.slice(1).map(placeOf), ['0', '0', '1']);
    });

    test(`without a key parks that record alone, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = refusing(capability, '1');
      stage.journal.append([testEvent(null, '1'), testEvent(null, '2')]);
      const lane = await startLane(stage, store);
      await lane.drain();
      assert.deepEqual(store.ids, ['2']);
      assert.equal(lane.parked.keys[0]?.waitingCount, 0);
    });
  }

  test('is released without what came to stand behind another record that was parked since', async () => {
    await using stage = new LaneStage();
    const orders = testTable('orders', [{ name: 'id', isKey: true }]);
    const store = new RecordingStore();
    const held = Promise.withResolvers<void>();
    const bad = new Set([1n]);
    store.script = ({ records }) => {
      if (records.some(({ header }) => bad.has(header.sequence))) return { throw: poison };
      return records.some(({ header }) => header.sequence === 2n) ? { hold: held.promise, throw: poison } : 'take';
    };
    stage.journal.append([insertRow(orders, '1')]);
    const lane = await startLane(stage, store);
    await lane.drain();
    stage.journal.append([insertRow(orders, '2')]);
    await moveUntil(stage, () => store.batches.at(-1)?.records[0]?.header.sequence === 2n);
    const truncated = stage.journal.append([truncateTables(orders)]);
    await moveUntil(stage, () => lane.parked.waiting.length === 1);
    bad.clear();
    lane.retryParked();
    for (let turn = 0; turn < 100; turn += 1) await nextTurn();
    held.resolve();
    await moveUntil(stage, () => store.ids.length > 0);
    const sequences = store.batches.flatMap(({ records }) => records.map(({ header }) => header.sequence));
    assert.ok(!sequences.includes(truncated), 'the TRUNCATE is behind the second record');
    assert.deepEqual([store.ids.length, lane.status().parkedRecordCount], [1, 2]);
  });

  test('is released in order although a later record of the key was listed before an earlier one', async () => {
    await using stage = new LaneStage();
    const store = refusing({}, '1');
    const ids = ['1', '2', '3', '4'];
    const lane = await startLane(stage, store);
    store.beforeCheckpoint = async () => {
      if (store.bad.size === 0 || lane.parked.keys.length !== 1) return;
      // The second record is planned, the third waits already, and the place that the lane goes back to is not known yet.
      store.bad.clear();
      lane.retryParked();
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    };
    stage.journal.append(ids.map((id) => testEvent('k', id)));
    await moveUntil(stage, () => store.ids.length >= ids.length);
    assert.deepEqual(store.ids, ids);
  });

  test('is refused where the sink applies whole transactions', async () => {
    await using stage = new LaneStage();
    const store = refusing({ unit: 'transaction' });
    const lane = stage.lane({ sink: store.definition, onPoisoned: 'park' });
    await assert.rejects(lane.start(), { code: 'HW-LANE-015' });
  });
});

function disposable(lane: Lane): { readonly lane: Lane } & AsyncDisposable {
  return { lane, [Symbol.asyncDispose]: () => lane.stop() };
}
