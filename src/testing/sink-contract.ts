import assert from 'node:assert/strict';
import type { Lane } from '../delivery/lane.ts';
import type { RecordFilter } from '../delivery/lane-options.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { LaneStage } from './lane-stage.ts';
import type { UnplacedRecord } from './memory-journal.ts';
import type { ContractTest } from './run-suite.ts';
import type { SinkHarness, SinkSuiteOptions, SuiteTestName } from './sink-harness.ts';
import {
  type RecordRequest,
  type StoredRecord,
  suiteBatch,
  suiteKeys,
  suiteRecord,
  suiteTransactionCount,
  suiteTransactions,
} from './suite-records.ts';

/** One test of the contract. */
type SuiteTest = ContractTest<SinkHarness, SinkSuiteOptions>;

/** The tests of the contract by name. */
export const suiteTests: Readonly<Record<SuiteTestName, SuiteTest>> = {
  order: {
    title: 'writes every record once and keeps the order of each key',
    async run(harness) {
      await using stage = new LaneStage();
      await deliverAll(stage, harness);
      assertStored(await harness.stored(), 'once');
    },
  },
  stop: {
    title: 'goes on where it was after an orderly stop in mid-batch',
    async run(harness) {
      await using stage = new LaneStage();
      const first = append(stage, harness, 0, suiteTransactionCount / 2);
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      assert.ok(first > 0);
      await lane.stop();
      append(stage, harness, suiteTransactionCount / 2);
      await drain(stage.lane({ sink: harness.sink, batch: suiteBatch }));
      assertStored(await harness.stored(), 'once');
    },
  },
  'held-path': {
    title: 'stops in time while the path to the store moves nothing',
    needs: 'proxy',
    async run(harness, options) {
      const { proxy } = harness;
      assert.ok(proxy !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch }, 'lane', 200);
      await lane.start();
      proxy.hold();
      append(stage, harness, 0);
      while (lane.status().lag.pendingRecordCount === 0) await stage.clock.sleep(1);
      await lane.stop();
      proxy.release();
      proxy.cut();
      await drain(stage.lane({ sink: harness.sink, batch: suiteBatch }));
      assertStored(await harness.stored(), options.effects);
    },
  },
  'cut-path': {
    title: 'loses and repeats nothing when the path is cut before an effect',
    needs: 'cutBeforeEffect',
    async run(harness, options) {
      assert.ok(harness.cutBeforeEffect !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      const cut = harness.cutBeforeEffect();
      append(stage, harness, 0);
      await Promise.all([cut, lane.drain()]);
      assert.ok(lane.status().retryCount > 0, 'the fault was met');
      assertStored(await harness.stored(), options.effects);
    },
  },
  'lost-reply': {
    title: 'finds out what became of an effect whose reply was lost',
    needs: 'loseReply',
    async run(harness, options) {
      assert.ok(harness.loseReply !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      for (const half of [0, suiteTransactionCount / 2]) {
        const lost = harness.loseReply();
        append(stage, harness, half, suiteTransactionCount / 2);
        await Promise.all([lost, lane.drain()]);
      }
      assert.ok(lane.status().retryCount >= 2, 'the fault was met');
      assertStored(await harness.stored(), options.effects);
    },
  },
  kill: {
    title: 'gives effects as stated when its process is killed between an effect and the checkpoint',
    needs: 'deliverUntilKilled',
    async run(harness, options) {
      assert.ok(harness.deliverUntilKilled !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      await harness.deliverUntilKilled();
      await harness.deliverUntilKilled();
      await deliverAll(stage, harness);
      assertStored(await harness.stored(), options.effects);
    },
  },
  restart: {
    title: 'waits for a server that restarts in mid-batch, and goes on',
    needs: 'restartServer',
    async run(harness, options) {
      assert.ok(harness.restartServer !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      append(stage, harness, 0, suiteTransactionCount / 2);
      await harness.restartServer();
      append(stage, harness, suiteTransactionCount / 2);
      await lane.drain();
      assertStored(await harness.stored(), options.effects);
    },
  },
  oversized: {
    title: 'stops in front of a record that is too large, and skips nothing',
    needs: 'oversized',
    async run(harness) {
      const { oversized } = harness;
      assert.ok(oversized !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink });
      stage.journal.append([recordOf(harness, { key: 'a', number: 0 })]);
      await drain(lane, 'running');
      stage.journal.append([recordOf(harness, { key: 'a', number: 1, size: oversized.size })]);
      stage.journal.append([recordOf(harness, { key: 'a', number: 2 })]);
      await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
      assert.equal(lane.status().lastFailure?.error.code, oversized.code);
      assert.deepEqual(await harness.stored(), [{ key: 'a', number: 0 }]);
      assert.equal(lane.status().checkpoint?.sequence, 1n);
    },
  },
  'wrong-login': {
    title: 'refuses a wrong login by name',
    needs: 'withWrongLogin',
    async run(harness) {
      const { withWrongLogin } = harness;
      assert.ok(withWrongLogin !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: withWrongLogin.sink });
      await assert.rejects(lane.start(), { code: withWrongLogin.code });
      assert.equal(lane.status().condition, 'failed');
    },
  },
  'missing-place': {
    title: 'names a missing place, and delivers everything once it is there',
    needs: 'withMissingPlace',
    async run(harness) {
      const { withMissingPlace } = harness;
      assert.ok(withMissingPlace !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      append(stage, harness, 0);
      const lane = stage.lane({ sink: withMissingPlace.sink, batch: suiteBatch });
      const started = lane.start().then(() => lane.drain());
      await assert.rejects(started);
      assert.equal(lane.status().lastFailure?.error.code, withMissingPlace.code);
      await lane.stop();
      await withMissingPlace.create();
      await drain(stage.lane({ sink: withMissingPlace.sink, batch: suiteBatch }));
      assertStored(await harness.stored(), 'once');
    },
  },
  parked: {
    title: 'takes what was parked in the order of its key once that is mended, or refuses to park by name',
    async run(harness, options) {
      await using stage = new LaneStage();
      append(stage, harness, 0);
      let isMended = false;
      const filter: RecordFilter = ({ ordinal }, { sequence }) => {
        if (!isMended && sequence % 7n === 3n && ordinal === 0) assert.fail('no such field');
        return true;
      };
      const create = (): Lane => stage.lane({ sink: harness.sink, batch: suiteBatch, filter, onPoisoned: 'park' });
      const lane = create();
      try {
        await lane.start();
      } catch (error) {
        assert.ok(error instanceof HeadwaterError && error.code === 'HW-LANE-015', String(error));
        return;
      }
      await lane.drain();
      assert.ok(lane.parked.keys.length > 0);
      await lane.stop();
      isMended = true;
      // Behind a restart, so that the store alone says what it holds.
      const next = create();
      await next.start();
      next.retryParked();
      while (next.status().parkedRecordCount > 0) await stage.clock.sleep(1);
      await next.stop();
      await drain(create());
      assertStored(await harness.stored(), options.effects);
    },
  },
};

/** Appends the suite's transactions from one on; returns how many. */
function append(stage: LaneStage, harness: SinkHarness, first: number, count: number = suiteTransactionCount): number {
  const transactions = suiteTransactions().slice(first, first + count);
  for (const records of transactions) stage.journal.append(records.map((record) => recordOf(harness, record)));
  return transactions.length;
}

async function deliverAll(stage: LaneStage, harness: SinkHarness): Promise<void> {
  append(stage, harness, 0);
  await drain(stage.lane({ sink: harness.sink, batch: suiteBatch }));
}

async function drain(lane: Lane, then: 'stopped' | 'running' = 'stopped'): Promise<void> {
  await lane.start();
  try {
    await lane.drain();
  } catch (error) {
    throw lane.status().lastFailure?.error ?? error;
  }
  if (then === 'stopped') await lane.stop();
}

function assertStored(stored: readonly StoredRecord[], effects: 'once' | 'at-least-once'): void {
  const expected = suiteTransactions().flat();
  for (const key of suiteKeys) {
    const numbers = stored.filter((record) => record.key === key).map(({ number }) => number);
    const first = numbers.filter((number, index) => numbers.indexOf(number) === index);
    const wanted = expected.filter((record) => record.key === key).map(({ number }) => number);
    assert.deepEqual(first, wanted, `every record of key ${key}, in order`);
    if (effects === 'once') assert.equal(numbers.length, wanted.length, `no record of key ${key} twice`);
  }
}

function recordOf(harness: SinkHarness, request: RecordRequest): UnplacedRecord {
  return harness.record === undefined ? suiteRecord(request) : harness.record(request);
}
