import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import type { ErrorCode } from '../foundation/error-codes.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Lane } from './lane.ts';
import type { BatchLimits, RecordFilter } from './lane-options.ts';
import type { SinkDefinition } from './sink.ts';
import type { FaultProxy } from './testing/fault-proxy.ts';
import { LaneStage } from './testing/lane-stage.ts';
import type { UnplacedRecord } from './testing/memory-journal.ts';

/** A record of the suite as it is found in the store. */
export interface StoredRecord {
  readonly key: string;
  /** Counts the records of its key from 0. */
  readonly number: number;
}

export interface RecordRequest extends StoredRecord {
  /** Bytes of padding. Default: few. */
  readonly size?: number;
}

/** What the suite needs to know of a store and to do with it. One for each test, on an empty place of a real server. */
export interface SinkHarness extends AsyncDisposable {
  readonly sink: SinkDefinition;
  /** The path between sink and server; undefined for a sink that has none. */
  readonly proxy?: FaultProxy;
  record(request: RecordRequest): UnplacedRecord;
  /** Everything that took effect, in the order in which it did, repetitions included. */
  stored(): Promise<readonly StoredRecord[]>;
  /** The next effect that becomes durable loses its reply. Resolves when it was lost. */
  loseReply?(): Promise<void>;
  /** The next effect is cut off before it becomes durable. Resolves when it was. */
  cutBeforeEffect?(): Promise<void>;
  /** Runs the same journal in another process, and kills that one between a durable effect and its checkpoint, or before both. */
  deliverUntilKilled?(): Promise<void>;
  restartServer?(): Promise<void>;
  readonly withWrongLogin?: { readonly sink: SinkDefinition; readonly code: ErrorCode };
  /** A place for records that does not exist, and how to make it. */
  readonly withMissingPlace?: { readonly sink: SinkDefinition; readonly code: ErrorCode; create(): Promise<void> };
  readonly oversized?: { readonly size: number; readonly code: ErrorCode };
}

export interface SinkSuiteOptions {
  readonly name: string;
  readonly skip: string | false;
  /** Whether a record takes effect once whatever happens, or at least once when an outcome was unknown. */
  readonly effects: 'once' | 'at-least-once';
  readonly open: () => Promise<SinkHarness>;
  /** Default: all. A test that is listed and that the harness cannot do fails. */
  readonly tests?: readonly SuiteTestName[];
}

/** The tests of the contract. */
export type SuiteTestName =
  | 'order'
  | 'stop'
  | 'held-path'
  | 'cut-path'
  | 'lost-reply'
  | 'kill'
  | 'restart'
  | 'oversized'
  | 'wrong-login'
  | 'missing-place'
  | 'parked';

const keys = ['a', 'b', 'c', 'd'] as const;
const transactionCount = 60;

/** The records of the suite's journal, the same in every process: transactions of 1 to 5 records. */
export function suiteTransactions(): readonly (readonly StoredRecord[])[] {
  const counts = new Map<string, number>();
  return Array.from({ length: transactionCount }, (_, transaction) =>
    Array.from({ length: 1 + (transaction % 5) }, (_, index) => {
      const key = keys[(transaction * 7 + index * 3) % keys.length] ?? 'a';
      const number = counts.get(key) ?? 0;
      counts.set(key, number + 1);
      return { key, number };
    }),
  );
}

/** Batches that are small enough for a fault to fall between two of them. */
export const suiteBatch: Partial<BatchLimits> = { recordCountMax: 20 };

interface SuiteTest {
  readonly title: string;
  readonly run: (harness: SinkHarness, options: SinkSuiteOptions) => Promise<void>;
}

const suiteTests: Readonly<Record<SuiteTestName, SuiteTest>> = {
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
      const first = append(stage, harness, 0, transactionCount / 2);
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      assert.ok(first > 0);
      await lane.stop();
      append(stage, harness, transactionCount / 2);
      await drain(stage.lane({ sink: harness.sink, batch: suiteBatch }));
      assertStored(await harness.stored(), 'once');
    },
  },
  'held-path': {
    title: 'stops in time while the path to the store moves nothing',
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
    async run(harness, options) {
      assert.ok(harness.loseReply !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      for (const half of [0, transactionCount / 2]) {
        const lost = harness.loseReply();
        append(stage, harness, half, transactionCount / 2);
        await Promise.all([lost, lane.drain()]);
      }
      assert.ok(lane.status().retryCount >= 2, 'the fault was met');
      assertStored(await harness.stored(), options.effects);
    },
  },
  kill: {
    title: 'gives effects as stated when its process is killed between an effect and the checkpoint',
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
    async run(harness, options) {
      assert.ok(harness.restartServer !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink, batch: suiteBatch });
      await lane.start();
      append(stage, harness, 0, transactionCount / 2);
      await harness.restartServer();
      append(stage, harness, transactionCount / 2);
      await lane.drain();
      assertStored(await harness.stored(), options.effects);
    },
  },
  oversized: {
    title: 'stops in front of a record that is too large, and skips nothing',
    async run(harness) {
      const { oversized } = harness;
      assert.ok(oversized !== undefined, 'the harness can do it');
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: harness.sink });
      stage.journal.append([harness.record({ key: 'a', number: 0 })]);
      await drain(lane, 'running');
      stage.journal.append([harness.record({ key: 'a', number: 1, size: oversized.size })]);
      stage.journal.append([harness.record({ key: 'a', number: 2 })]);
      await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
      assert.equal(lane.status().lastFailure?.error.code, oversized.code);
      assert.deepEqual(await harness.stored(), [{ key: 'a', number: 0 }]);
      assert.equal(lane.status().checkpoint?.sequence, 1n);
    },
  },
  'wrong-login': {
    title: 'refuses a wrong login by name',
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
        if (!isMended && sequence % 7n === 3n && ordinal === 0) throw new TypeError('no such field');
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
      await waitUntil('an empty list', () => next.status().parkedRecordCount === 0);
      await next.stop();
      await drain(create());
      assertStored(await harness.stored(), options.effects);
    },
  },
};

/** The contract of `Sink`, held by each technology with its real server: nothing lost, nothing out of order, effects as stated. */
export function testSink(options: SinkSuiteOptions): void {
  describe(`the sink ${options.name}`, { skip: options.skip }, () => {
    for (const [name, { title, run }] of Object.entries(suiteTests)) {
      if (options.tests !== undefined && !options.tests.some((wanted) => wanted === name)) continue;
      test(title, async () => {
        await using harness = await options.open();
        await run(harness, options);
      });
    }
  });
}

/** Appends the suite's transactions from one on; returns how many. */
function append(stage: LaneStage, harness: SinkHarness, first: number, count: number = transactionCount): number {
  const transactions = suiteTransactions().slice(first, first + count);
  for (const records of transactions) stage.journal.append(records.map((record) => harness.record(record)));
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
  for (const key of keys) {
    const numbers = stored.filter((record) => record.key === key).map(({ number }) => number);
    const first = numbers.filter((number, index) => numbers.indexOf(number) === index);
    const wanted = expected.filter((record) => record.key === key).map(({ number }) => number);
    assert.deepEqual(first, wanted, `every record of key ${key}, in order`);
    if (effects === 'once') assert.equal(numbers.length, wanted.length, `no record of key ${key} twice`);
  }
}
