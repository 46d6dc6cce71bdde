import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { toSequence } from '../model/position.ts';
import type { Lane } from './lane.ts';
import { planReplay, type ReplayFacts, replayLane } from './replay.ts';
import { LaneStage } from '../testing/lane-stage.ts';
import { testEvent } from '../testing/memory-journal.ts';
import { RecordingStore } from './testing/recording-sink.ts';

const facts: ReplayFacts = {
  laneName: 'a',
  sink: { kind: 'handler', replay: 'idempotent' },
  first: toSequence(5n),
  origin: 7n,
  acknowledged: 20n,
};

describe('the range of a replay', () => {
  test('goes from the start to where the lane stands, never less', () => {
    assert.deepEqual(planReplay(12n, facts), { from: 12n, through: 20n });
    assert.deepEqual(planReplay(20n, facts), { from: 20n, through: 20n });
    assert.deepEqual(planReplay('beginning', facts), { from: 8n, through: 20n }, 'what the lane has had');
    assert.deepEqual(planReplay('beginning', { ...facts, first: toSequence(9n) }), { from: 9n, through: 20n });
  });

  test('is refused with its reason where the sink, the journal or the lane does not have it', () => {
    assert.throws(() => planReplay(12n, { ...facts, sink: { kind: 'webhook' } }), { code: 'HW-LANE-020' });
    assert.throws(() => planReplay(4n, facts), { code: 'HW-LANE-021', message: /the journal begins at 5/ });
    assert.throws(() => planReplay(7n, facts), { code: 'HW-LANE-021', message: /the lane began at 8/ });
    assert.throws(() => planReplay(21n, facts), { code: 'HW-LANE-021', message: /acknowledged up to 20/ });
    assert.throws(() => planReplay('beginning', { ...facts, origin: 20n }), { code: 'HW-LANE-021' });
    assert.throws(() => planReplay(12n, { ...facts, acknowledged: undefined }), { code: 'HW-LANE-021' });
  });
});

describe('a replayed lane', () => {
  const sinkOf = (store: RecordingStore): RecordingStore['definition'] & { readonly replay: 'idempotent' } => ({
    ...store.definition,
    replay: 'idempotent',
  });

  async function deliver(stage: LaneStage, store: RecordingStore): Promise<Lane> {
    const lane = stage.lane({ sink: sinkOf(store), batch: { recordCountMax: 1 } }, 'lane', 200);
    await lane.start();
    for (const number of ['1', '2', '3', '4']) stage.journal.append([testEvent('k', number)]);
    await lane.drain();
    return lane;
  }

  test('gets everything from the start on again, in order, and then what is new', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    const lane = await deliver(stage, store);
    const range = await replayLane(2n, { lane, sink: sinkOf(store), reader: stage.journal });
    assert.deepEqual(range, { from: 2n, through: 4n });
    stage.journal.append([testEvent('k', '5')]);
    await lane.drain();
    assert.deepEqual(store.ids, ['1', '2', '3', '4', '2', '3', '4', '5']);
    await lane.stop();
  });

  test('goes on in the middle when it is stopped there, and holds the journal from there on', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    const lane = await deliver(stage, store);
    const isHeld = Promise.withResolvers<void>();
    store.script = (batch) => {
      if (batch.records[0]?.id !== '2') return 'take';
      isHeld.resolve();
      return { hold: Promise.withResolvers<void>().promise };
    };
    await replayLane('beginning', { lane, sink: sinkOf(store), reader: stage.journal });
    await isHeld.promise;
    assert.equal(lane.secureCheckpoint(), 1n);
    await lane.pause();
    store.script = () => 'take';
    await lane.stop();
    const next = stage.lane({ sink: sinkOf(store), batch: { recordCountMax: 1 } });
    await next.start();
    await next.drain();
    assert.deepEqual(store.ids, ['1', '2', '3', '4', '1', '2', '3', '4']);
  });

  test('stays paused where it was paused, and is as it was after a refusal', async () => {
    await using stage = new LaneStage();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    const lane = await deliver(stage, store);
    const place = { lane, sink: sinkOf(store), reader: stage.journal };
    await assert.rejects(replayLane(9n, place), { code: 'HW-LANE-021' });
    await assert.rejects(replayLane(1n, { ...place, sink: store.definition }), { code: 'HW-LANE-020' });
    assert.deepEqual([lane.status().condition, lane.status().checkpoint?.sequence], ['running', 4n]);
    await lane.pause();
    await replayLane(4n, place);
    assert.deepEqual([lane.status().condition, lane.status().checkpoint?.sequence], ['paused', 3n]);
    await lane.resume();
    await lane.stop();
    await assert.rejects(replayLane(1n, place), { code: 'HW-LANE-012' });
  });
});
