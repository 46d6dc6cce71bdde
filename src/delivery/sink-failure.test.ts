import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LaneStage } from '../testing/lane-stage.ts';
import { suiteRecord } from '../testing/suite-records.ts';
import { sinkFailure } from './sink-failure.ts';
import type { OutboundRecord, SinkDefinition } from './sink.ts';

interface OwnStore {
  readonly sink: SinkDefinition;
  readonly ids: string[];
}

/** A sink of somebody else, that says of a record what it likes. */
function ownSink(judge: (record: OutboundRecord) => void): OwnStore {
  const ids: string[] = [];
  const sink: SinkDefinition = {
    kind: 'own',
    target: 'memory',
    open: async () => ({
      capabilities: { unit: 'batch', checkpointIn: 'lane', recordBytesMax: undefined },
      readCheckpoint: async () => undefined,
      write: async ({ records }) => {
        for (const record of records) judge(record);
        ids.push(...records.map(({ id }) => id));
      },
      [Symbol.asyncDispose]: async () => undefined,
    }),
  };
  return { sink, ids };
}

function append(stage: LaneStage): void {
  const requests = ['a', 'b', 'c'].flatMap((key) => [0, 1].map((number) => ({ key, number })));
  stage.journal.append(requests.map((request) => suiteRecord(request)));
}

describe('a failure that a sink of your own explains', () => {
  test('is tried again where waiting can mend it', async () => {
    await using stage = new LaneStage();
    let failures = 2;
    const { sink, ids } = ownSink(() => {
      if (failures === 0) return;
      failures -= 1;
      throw sinkFailure('retry', 'the store is full for now', { retryAfterMs: 1 });
    });
    append(stage);
    const lane = stage.lane({ sink });
    await lane.start();
    await lane.drain();
    assert.equal(lane.status().retryCount, 2);
    assert.deepEqual(ids, ['a-0', 'a-1', 'b-0', 'b-1', 'c-0', 'c-1']);
  });

  test('stops the lane at once where it cannot', async () => {
    await using stage = new LaneStage();
    const { sink, ids } = ownSink(() => {
      throw sinkFailure('stop', 'the store belongs to somebody else', { hint: 'Ask them.' });
    });
    append(stage);
    const lane = stage.lane({ sink, onPoisoned: 'park' });
    await lane.start();
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    const { error } = lane.status().lastFailure ?? {};
    assert.deepEqual([error?.code, error?.hint, lane.status().retryCount], ['HW-SINK-014', 'Ask them.', 0]);
    assert.deepEqual(ids, []);
  });

  test('parks the one record that is to blame, found in a batch of others', async () => {
    await using stage = new LaneStage();
    const { sink, ids } = ownSink(({ id }) => {
      if (id === 'b-0') throw sinkFailure('poison', 'the store does not take it');
    });
    append(stage);
    const lane = stage.lane({ sink, onPoisoned: 'park' });
    await lane.start();
    await lane.drain();
    assert.deepEqual(ids, ['a-0', 'a-1', 'c-0', 'c-1']);
    assert.equal(lane.status().parkedRecordCount, 2);
    assert.equal(lane.parked.keys.length, 1);
  });

  test('stops the lane when it is no HeadwaterError: nobody knows what waiting would do', async () => {
    await using stage = new LaneStage();
    const { sink } = ownSink(() => assert.fail('a fault in the sink'));
    append(stage);
    const lane = stage.lane({ sink, onPoisoned: 'park' });
    await lane.start();
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    assert.equal(lane.status().lastFailure?.error.code, 'HW-INTERNAL-001');
  });
});
