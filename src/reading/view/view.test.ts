import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testEvent, type UnplacedRecord } from '../../delivery/testing/memory-journal.ts';
import { LaneStage } from '../../delivery/testing/lane-stage.ts';
import { deleteRow, insertRow, testTable, truncateTables, updateRow } from '../../delivery/testing/test-table.ts';
import { unchanged } from '../../model/row.ts';
import { defineView, type View } from './define-view.ts';
import { viewTable } from './view-definition.ts';

const accounts = testTable('accounts', [{ name: 'id', isKey: true }, { name: 'owner' }, { name: 'balance' }]);
const other = testTable('other', [{ name: 'id', isKey: true }]);

const accountTable = viewTable({
  source: 'accounts',
  columns: ['id', 'owner', 'balance'],
  indexes: { byOwner: (row) => row.owner },
  aggregates: {
    total: {
      initial: 0n,
      add: (sum: bigint, row) => sum + BigInt(row.balance ?? 0),
      remove: (sum: bigint, row) => sum - BigInt(row.balance ?? 0),
    },
  },
});

type AccountView = View<{ readonly accounts: typeof accountTable }>;

function accountView(maxBytes?: number): AccountView {
  return defineView({
    name: 'balances',
    tables: { accounts: accountTable },
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
}

function allRows(view: AccountView): readonly object[] {
  return view
    .read(({ accounts: table }) => [...table.rows()])
    .value.toSorted((left, right) => ((left.id ?? '') < (right.id ?? '') ? -1 : 1));
}

async function follow(
  stage: LaneStage,
  view: { readonly sink: View<unknown>['sink'] },
): Promise<ReturnType<LaneStage['lane']>> {
  const lane = stage.lane({ sink: view.sink });
  await lane.start();
  return lane;
}

describe('a view', () => {
  test('holds rows, indexes and aggregates as of the last commit, and says which one that is', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    await follow(stage, view);
    stage.journal.append([insertRow(accounts, '1', 'ann', '70'), insertRow(accounts, '2', 'bob', '30')]);
    const last = stage.journal.append([
      updateRow(accounts, ['1', 'ann', '50']),
      updateRow(accounts, ['3', 'ann', '50'], ['2', null, null]),
    ]);
    await view.waitFor({ sequence: last });
    const { commitEndLsn, commitTimeMicros } = stage.journal.header(last);
    const answer = view.read(({ accounts: table }) => ({
      total: table.aggregate('total'),
      one: table.get('1'),
      two: table.has('2'),
      ofAnn: table.findBy('byOwner', 'ann').map((row) => row.id),
      ofBob: table.findBy('byOwner', 'bob'),
      size: table.size,
    }));
    assert.deepEqual(answer, {
      value: {
        total: 100n,
        one: { id: '1', owner: 'ann', balance: '50' },
        two: false,
        ofAnn: ['1', '3'],
        ofBob: [],
        size: 2,
      },
      position: { sequence: last, commitEndLsn, commitTimeMicros },
      behind: 0n,
      isReady: true,
      isComplete: true,
      incompleteTables: [],
    });
    assert.ok(view.byteCount > 0);
  });

  test('never shows a part of a transaction that comes in parts', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    const half = Array.from({ length: 50 }, (_, index) => String(index));
    const totals: bigint[] = [];
    const watched = {
      ...view.sink,
      open: async (context: Parameters<typeof view.sink.open>[0]) => {
        const sink = await view.sink.open(context);
        return {
          ...sink,
          write: async (...given: Parameters<typeof sink.write>) => {
            await sink.write(...given);
            totals.push(view.read(({ accounts: table }) => table.aggregate('total'), { allow: 'partial' }).value);
          },
        };
      },
    };
    const lane = stage.lane({ sink: watched, batch: { recordCountMax: 10 } });
    await lane.start();
    stage.journal.append(half.map((id) => insertRow(accounts, id, 'ann', '10')));
    stage.journal.append(
      half.slice(0, 25).map((id) => updateRow(accounts, [id, 'ann', '0'])),
      half.slice(25).map((id) => updateRow(accounts, [id, 'ann', '20'])),
    );
    await lane.drain();
    assert.ok(totals.length >= 10, `${totals.length} writes were looked at`);
    assert.deepEqual([...new Set(totals)], [0n, 500n]);
  });

  test('reaches a transaction that does not concern it, although nothing follows', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    await follow(stage, view);
    const places = [[], [testEvent('k', 'e')], [insertRow(other, '1')]].map((records) => stage.journal.append(records));
    for (const sequence of places) await view.waitFor({ sequence }, { timeoutMs: 5000 });
    await view.waitFor(
      { commitEndLsn: stage.journal.header(stage.journal.durableEnd.sequence).commitEndLsn },
      { timeoutMs: 5000 },
    );
    assert.equal(view.condition().behind, 0n);
  });

  test('is rebuilt from the beginning by the next process, whatever checkpoint the lane had', async () => {
    await using stage = new LaneStage();
    stage.journal.append([insertRow(accounts, '1', 'ann', '1')]);
    {
      await using first = accountView();
      const lane = await follow(stage, first);
      await first.ready();
      stage.journal.append([insertRow(accounts, '2', 'bob', '2')]);
      await lane.drain();
      await lane.stop();
      assert.equal(lane.secureCheckpoint(), 2n);
    }
    await using second = accountView();
    assert.throws(() => allRows(second), { code: 'HW-VIEW-001' });
    const lane = await follow(stage, second);
    await second.ready();
    assert.equal(allRows(second).length, 2);
    assert.equal(second.condition().isComplete, true);
    assert.equal(lane.status().isComplete, true);
  });

  test('holds back what it needs while it is rebuilt: the saved checkpoint goes back with it', async () => {
    await using stage = new LaneStage();
    for (const id of ['1', '2', '3']) stage.journal.append([insertRow(accounts, id, 'ann', '1')]);
    {
      await using first = accountView();
      const lane = await follow(stage, first);
      await lane.drain();
      await lane.stop();
    }
    await using second = accountView();
    const held = Promise.withResolvers<void>();
    const sink = {
      ...second.sink,
      open: async (context: Parameters<typeof second.sink.open>[0]) => {
        await held.promise;
        return await second.sink.open(context);
      },
    };
    const lane = stage.lane({ sink });
    const started = lane.start();
    while (lane.secureCheckpoint() !== 0n) await stage.clock.sleep(1);
    held.resolve();
    await started;
    await second.ready();
  });

  test('says that it lacks rows when the journal no longer reaches back, and refuses to answer unless that is accepted', async () => {
    await using stage = new LaneStage();
    for (const id of ['1', '2', '3']) stage.journal.append([insertRow(accounts, id, 'ann', '1')]);
    {
      await using first = accountView();
      const lane = await follow(stage, first);
      await lane.drain();
      await lane.stop();
    }
    stage.journal.trim(2n as never);
    await using second = accountView();
    const lane = await follow(stage, second);
    await second.ready();
    assert.throws(() => allRows(second), { code: 'HW-VIEW-002' });
    const answer = second.read(({ accounts: table }) => table.size, { allow: 'partial' });
    assert.equal(answer.value, 1);
    assert.equal(answer.isComplete, false);
    assert.deepEqual(answer.incompleteTables, [{ table: 'public.accounts', reason: 'journal-begins-later' }]);
    assert.equal(lane.status().beganLater, true);
  });

  test('goes on where it is after a pause, and tells meanwhile that nobody feeds it', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    const lane = await follow(stage, view);
    const first = stage.journal.append([insertRow(accounts, '1', 'ann', '1')]);
    await view.waitFor({ sequence: first });
    await lane.pause();
    const next = stage.journal.append([insertRow(accounts, '2', 'bob', '1')]);
    assert.equal(view.read(({ accounts: table }) => table.size).value, 1);
    assert.equal(view.condition().behind, undefined);
    const reads = stage.journal.decodeCount;
    await lane.resume();
    await view.waitFor({ sequence: next });
    assert.equal(allRows(view).length, 2);
    assert.equal(stage.journal.decodeCount, reads + 1, 'what was there already is not read again');
  });

  test('refuses by name to grow over its limit, and shows nothing of the transaction that would', async () => {
    await using stage = new LaneStage();
    await using view = accountView(3000);
    const lane = await follow(stage, view);
    const first = stage.journal.append([insertRow(accounts, '1', 'ann', '1')]);
    await view.waitFor({ sequence: first });
    const many = Array.from({ length: 50 }, (_, index) => insertRow(accounts, `x${index}`, 'bob', '1'));
    const next = stage.journal.append([updateRow(accounts, ['1', 'ann', '2']), ...many]);
    await assert.rejects(view.waitFor({ sequence: next }), { code: 'HW-VIEW-005' });
    await assert.rejects(view.waitFor({ sequence: next }), { code: 'HW-VIEW-005' });
    assert.equal(lane.status().condition, 'failed');
    assert.equal(lane.status().lastFailure?.error.code, 'HW-VIEW-005');
    assert.deepEqual(allRows(view), [{ id: '1', owner: 'ann', balance: '1' }]);
    assert.equal(view.condition().position.sequence, first);
  });

  test('keeps a value that an UPDATE left out of line, also with a new key', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    await follow(stage, view);
    stage.journal.append([insertRow(accounts, '1', 'a long text', '1')]);
    const last = stage.journal.append([
      updateRow(accounts, ['1', unchanged, '2']),
      updateRow(accounts, ['2', unchanged, '3'], ['1', null, null]),
    ]);
    await view.waitFor({ sequence: last });
    assert.deepEqual(allRows(view), [{ id: '2', owner: 'a long text', balance: '3' }]);
  });

  test('gives rows that a reader cannot change, and ends a walk that another transaction overtakes', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    await follow(stage, view);
    const first = stage.journal.append(['1', '2'].map((id) => insertRow(accounts, id, 'ann', '1')));
    await view.waitFor({ sequence: first });
    const { value: row } = view.read(({ accounts: table }) => table.get('1'));
    assert.throws(() => Object.assign(row ?? {}, { balance: '9' }), TypeError);
    const walk = view.read(({ accounts: table }) => table.rows()[Symbol.iterator]()).value;
    walk.next();
    await view.waitFor({ sequence: stage.journal.append([updateRow(accounts, ['2', 'ann', '2'])]) });
    assert.throws(() => walk.next(), { code: 'HW-VIEW-011' });
    assert.throws(() => view.read(async () => Promise.resolve()), { code: 'HW-VIEW-008' });
  });

  test('shows nothing of a transaction for which a function of the user throws', async () => {
    await using stage = new LaneStage();
    const table = viewTable({
      source: 'accounts',
      columns: ['id', 'balance'],
      aggregates: { total: { initial: 0, add: () => assert.fail('no'), remove: (sum: number) => sum } },
    });
    await using view = defineView({
      name: 'broken',
      tables: { accounts: table, other: viewTable({ source: 'other', columns: ['id'] }) },
    });
    const lane = await follow(stage, view);
    const sequence = stage.journal.append([insertRow(other, '1'), insertRow(accounts, '1', 'ann', '1')]);
    await assert.rejects(view.waitFor({ sequence }), { code: 'HW-VIEW-008' });
    assert.equal(view.read(({ other: rows }) => rows.size, { allow: 'partial' }).value, 0);
    assert.equal(lane.status().lastFailure?.error.details['sequence'], '1');
  });

  test('ends waits by their time, their signal and its disposal', async () => {
    await using stage = new LaneStage();
    const view = accountView();
    await follow(stage, view);
    await assert.rejects(view.waitFor({ sequence: 9n }, { timeoutMs: 1 }), { code: 'HW-VIEW-009' });
    await assert.rejects(
      view.waitFor({ sequence: 9n }, { signal: AbortSignal.abort('no more') }),
      (thrown) => thrown === 'no more',
    );
    const waiting = view.waitFor({ sequence: 9n });
    await Promise.all([assert.rejects(waiting, { code: 'HW-VIEW-010' }), view[Symbol.asyncDispose]()]);
    assert.throws(() => view.read(() => 1), { code: 'HW-VIEW-010' });
  });

  test('is fed by one lane at a time, and takes neither route nor map', async () => {
    await using stage = new LaneStage();
    await using view = accountView();
    await follow(stage, view);
    await using otherStage = new LaneStage();
    await assert.rejects(otherStage.lane({ sink: view.sink }).start(), { code: 'HW-VIEW-010' });
    await using mapped = accountView();
    await using mappedStage = new LaneStage();
    await mappedStage.lane({ sink: mapped.sink, map: () => 1 }).start();
    const sequence = mappedStage.journal.append([insertRow(accounts, '1', 'ann', '1')]);
    await assert.rejects(mapped.waitFor({ sequence }), { code: 'HW-VIEW-012' });
  });
});

describe('a view under random transactions', () => {
  test('equals the fold of their changes after each, at every size of batches', async () => {
    const seed = Number(process.env['HEADWATER_SEED'] ?? Date.now() % 1_000_000);
    const random = generator(seed);
    for (let round = 0; round < 20; round += 1) {
      await using stage = new LaneStage();
      await using view = accountView();
      const lane = stage.lane({ sink: view.sink, batch: { recordCountMax: 1 + random(7) } });
      const rows = new Map<string, [string, string, string]>();
      await lane.start();
      for (let step = 0; step < 40; step += 1) {
        const fragments = Array.from({ length: 1 + random(3) }, () => randomChanges(rows, random));
        const sequence = stage.journal.append(...fragments);
        if (random(2) === 0) continue;
        await view.waitFor({ sequence });
        if (random(6) === 0) {
          await lane.pause();
          await lane.resume();
        }
        const expected = [...rows.values()].map(([id, owner, balance]) => ({ id, owner, balance }));
        const message = `seed ${seed}, round ${round}, step ${step}`;
        assert.deepEqual(
          allRows(view),
          expected.toSorted((left, right) => (left.id < right.id ? -1 : 1)),
          message,
        );
        const { value } = view.read(({ accounts: table }) => ({
          total: table.aggregate('total'),
          owned: ['a', 'b', 'c'].map((owner) => table.findBy('byOwner', owner).length),
        }));
        assert.equal(
          value.total,
          expected.reduce((sum, row) => sum + BigInt(row.balance), 0n),
          message,
        );
        assert.deepEqual(
          value.owned,
          ['a', 'b', 'c'].map((owner) => expected.filter((row) => row.owner === owner).length),
          message,
        );
      }
    }
  });
});

/** Changes of a table as PostgreSQL would write them, applied to `rows` as well. */
function randomChanges(
  rows: Map<string, [string, string, string]>,
  random: (below: number) => number,
): UnplacedRecord[] {
  return Array.from({ length: random(6) }, (): UnplacedRecord => {
    const ids = [...rows.keys()];
    const id = ids[random(ids.length)];
    const values = ['abc'[random(3)] ?? 'a', String(random(100))] as const;
    const kind = random(20);
    if (kind === 0) {
      rows.clear();
      return truncateTables(accounts, other);
    }
    if (id === undefined || kind < 8) {
      const fresh = String(random(1_000_000_000));
      rows.set(fresh, [fresh, ...values]);
      return kind === 1
        ? { kind: 'read', table: accounts, after: [fresh, ...values] }
        : insertRow(accounts, fresh, ...values);
    }
    const [, owner] = rows.get(id) ?? ['', '', ''];
    if (kind < 11) {
      rows.delete(id);
      return deleteRow(accounts, id);
    }
    if (kind < 14) {
      const moved = `m${random(1_000_000_000)}`;
      rows.delete(id);
      rows.set(moved, [moved, owner, values[1]]);
      return updateRow(accounts, [moved, unchanged, values[1]], [id, null, null]);
    }
    rows.set(id, [id, kind < 17 ? owner : values[0], values[1]]);
    return updateRow(accounts, [id, kind < 17 ? unchanged : values[0], values[1]]);
  });
}

/** A small generator of whole numbers, the same for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = (seed >>> 0) + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return below === 0 ? 0 : Math.floor((state / 4_294_967_296) * below);
  };
}
