import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { redisUrl, skipReason } from '../../../../scripts/services/testing.ts';
import { unchanged } from '../../../model/row.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { deleteRow, insertRow, testTable, updateRow } from '../../testing/test-table.ts';
import { redisSink } from './redis-sink.ts';
import { TestRedis, uniquePrefix } from './testing/test-redis.ts';

const table = testTable('t', [{ name: 'id', isKey: true }, { name: 'small' }, { name: 'large' }]);
const ids = ['1', '2', '3', '4'] as const;

/** What the application does next, as far as its rows allow it. */
interface Step {
  readonly kind: 'insert' | 'update' | 'touch' | 'move' | 'delete';
  readonly id: (typeof ids)[number];
  readonly to: (typeof ids)[number];
  readonly value: string | null;
}

type Rows = Map<string, readonly [small: string | null, large: string | null]>;

/** Applies a step to the rows and returns the change that PostgreSQL would write; undefined when it would do nothing. */
function take({ id, kind, to, value }: Step, rows: Rows): UnplacedRecord | undefined {
  const row = rows.get(id);
  if (kind === 'insert') {
    if (row !== undefined) return undefined;
    rows.set(id, [value, `large ${value}`]);
    return insertRow(table, id, value, `large ${value}`);
  }
  if (row === undefined) return undefined;
  if (kind === 'delete') {
    rows.delete(id);
    return deleteRow(table, id);
  }
  if (kind === 'move') {
    if (rows.has(to)) return undefined;
    rows.delete(id);
    rows.set(to, [value, row[1]]);
    return updateRow(table, [to, value, unchanged], [id, null, null]);
  }
  const large = kind === 'update' ? value : row[1];
  rows.set(id, [value, large]);
  return updateRow(table, [id, value, kind === 'update' ? value : unchanged]);
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'update', 'touch', 'move', 'delete'),
  id: fc.constantFrom(...ids),
  to: fc.constantFrom(...ids),
  value: fc.option(fc.string({ maxLength: 5 })),
});

describe('a history of changes in Redis', { skip: await skipReason('redis') }, () => {
  for (const form of ['hash', 'json'] as const) {
    test(`ends as the source does, however it is cut into transactions and batches and wherever the path is cut, as a ${form}`, async () => {
      const url = await redisUrl();
      await using redis = await TestRedis.open(url);
      const { hostname, port } = new URL(url);
      await using proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
      const history = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 });
      const run = async (steps: Step[][], recordCountMax: number, fault: 'none' | 'cut' | 'lose'): Promise<void> => {
        await using stage = new LaneStage();
        const prefix = uniquePrefix();
        const rows: Rows = new Map();
        const transactions = steps.map((transaction) =>
          transaction.map((one) => take(one, rows)).filter((record) => record !== undefined),
        );
        const place = { prefix, positionPrefix: `${prefix}own:`, target: 'history' };
        const lane = stage.lane({
          sink: redisSink({ url: proxy.reroute(url), form, ...place }),
          batch: { recordCountMax },
        });
        await lane.start();
        const isWrite = holdsText('-- headwater write');
        const hasRecords = transactions.some((transaction) => transaction.length > 0);
        const faulted =
          !hasRecords || fault === 'none'
            ? undefined
            : fault === 'cut'
              ? proxy.cutBefore(isWrite)
              : proxy.loseReply({ request: isWrite });
        for (const transaction of transactions) stage.journal.append(transaction);
        await Promise.all([faulted, lane.drain()]);
        await lane.stop();
        const found = new Map<string, unknown>();
        for (const key of await redis.keys(`${prefix}public.t:`)) {
          const stored: unknown =
            form === 'hash' ? await redis.hash(key) : JSON.parse((await redis.text(key)) ?? 'null');
          const value = (name: string): unknown => Reflect.get(Object(stored), name) ?? null;
          found.set(key.slice(`${prefix}public.t:`.length), [value('small'), value('large')]);
        }
        assert.deepEqual(new Map([...found].sort()), new Map<string, unknown>([...rows].sort()));
      };
      await fc.assert(
        fc.asyncProperty(history, fc.integer({ min: 1, max: 9 }), fc.constantFrom('none', 'cut', 'lose'), run),
        { numRuns: 60 },
      );
    });
  }
});
