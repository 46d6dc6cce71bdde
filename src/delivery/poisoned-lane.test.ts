import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeadwaterError } from '../foundation/error.ts';
import type { Lane } from './lane.ts';
import type { LaneOptions } from './lane-options.ts';
import type { OutboundBatch, SinkCapabilities } from './sink.ts';
import { LaneStage } from '../testing/lane-stage.ts';
import { testEvent } from '../testing/memory-journal.ts';
import { RecordingStore } from './testing/recording-sink.ts';

const poison = new HeadwaterError('HW-SINK-007', 'the store refuses the record');

/** Delivers until the lane has stopped. */
async function deliverUntilStopped(
  stage: LaneStage,
  store: RecordingStore,
  options: Partial<LaneOptions> = {},
): Promise<Lane> {
  const lane = stage.lane({ sink: store.definition, ...options });
  await lane.start();
  await store.until(() => store.closeCount === 1);
  await lane.stop();
  return lane;
}

function placeOf(lane: Lane): readonly unknown[] {
  const { checkpoint, lastFailure } = lane.status();
  return [checkpoint?.sequence, checkpoint?.recordCount, lastFailure?.recordId];
}

function refuse(id: string): (batch: OutboundBatch) => 'take' | { throw: HeadwaterError } {
  return ({ records }) => (records.some((record) => record.id === id) ? { throw: poison } : 'take');
}

const capabilities: readonly Partial<SinkCapabilities>[] = [
  { unit: 'batch', checkpointIn: 'sink' },
  { unit: 'batch', checkpointIn: 'lane' },
  { unit: 'transaction', checkpointIn: 'sink' },
  { unit: 'record', checkpointIn: 'lane' },
];

describe('a poisoned record', () => {
  for (const capability of capabilities) {
    const sink = `with unit ${capability.unit} and the checkpoint in the ${capability.checkpointIn}`;

    test(`holds back nothing in front of it when the sink refuses it, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = new RecordingStore(capability);
      store.script = refuse('7.1');
      for (let n = 1; n <= 9; n += 1) stage.journal.append([testEvent(`k${n}`, `${n}.0`), testEvent('k', `${n}.1`)]);
      const lane = await deliverUntilStopped(stage, store, { concurrencyMax: 1 });
      const isWhole = capability.unit === 'transaction';
      const before = [1, 2, 3, 4, 5, 6].flatMap((n) => [`${n}.0`, `${n}.1`]);
      assert.deepEqual(store.ids, isWhole ? before : [...before, '7.0']);
      assert.deepEqual(placeOf(lane), [6n, isWhole ? 0 : 1, '7.1']);
    });

    test(`holds back nothing in front of it when a function of the user throws, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = new RecordingStore(capability);
      stage.journal.append([testEvent('a', '1')]);
      stage.journal.append([testEvent('a', '2'), testEvent('b', '3'), testEvent('c', '4')]);
      const lane = await deliverUntilStopped(stage, store, {
        map: (record) => {
          if (record.kind === 'event' && record.event.id === '3') throw new TypeError('no such field');
          return record;
        },
      });
      const isWhole = capability.unit === 'transaction';
      assert.deepEqual(store.ids, isWhole ? ['1'] : ['1', '2']);
      assert.deepEqual(placeOf(lane).slice(0, 2), [1n, isWhole ? 0 : 1]);
      assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-010');
    });

    test(`is named by its place, not by its values, ${sink}`, async () => {
      await using stage = new LaneStage();
      const store = new RecordingStore(capability);
      store.script = refuse('2');
      stage.journal.append([testEvent('a', '1')]);
      stage.journal.append([testEvent('person@example.org', '2'), testEvent('c', '3')]);
      const lane = await deliverUntilStopped(stage, store);
      const error = lane.status().lastFailure?.error;
      assert.equal(error?.code, 'HW-SINK-007');
      assert.deepEqual(error.details, { record: '2', sequence: '2', ordinal: 0, eventType: 'test.happened' });
      assert.match(error.message, /record 0 of sequence 2, test\.happened/);
      assert.match(error.hint, /headwater tail .*--where "id=2"/);
      assert.doesNotMatch(JSON.stringify(error), /person@example/);
    });
  }

  test('is not looked for when the store refuses all records alike', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore();
    const denied = new HeadwaterError('HW-SINK-002', 'wrong password');
    store.script = () => ({ throw: denied });
    stage.journal.append([testEvent('a', '1'), testEvent('b', '2')]);
    const lane = await deliverUntilStopped(stage, store);
    assert.equal(store.batches.length, 1);
    assert.equal(lane.status().lastFailure?.error, denied);
  });

  test('is not blamed for what the end of its transaction is refused for', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore({ unit: 'transaction' });
    store.script = ({ to }) => (to.sequence >= 2n ? { throw: poison } : 'take');
    stage.journal.append([testEvent('a', '1')]);
    stage.journal.append([testEvent('b', '2'), testEvent('c', '3')]);
    const lane = await deliverUntilStopped(stage, store);
    assert.deepEqual(store.ids, ['1']);
    assert.deepEqual(placeOf(lane), [1n, 0, undefined]);
    assert.deepEqual(lane.status().lastFailure?.error.details, { sequence: '2' });
  });

  test('lets the batches grow again once what was refused together passes apart', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore();
    let isRefusing = true;
    store.script = ({ records }) => (isRefusing && records.length > 2 ? { throw: poison } : 'take');
    for (let n = 0; n < 8; n += 1) stage.journal.append([testEvent('k', String(n))]);
    const lane = stage.lane({ sink: store.definition });
    await lane.start();
    await lane.drain();
    assert.deepEqual(store.ids, ['0', '1', '2', '3', '4', '5', '6', '7']);
    isRefusing = false;
    stage.journal.append(Array.from({ length: 100 }, (_, n) => testEvent('k', `b${n}`)));
    await lane.drain();
    assert.equal(store.batches.at(-1)?.records.length, 100);
    assert.equal(store.ids.length, 108);
  });
});
