import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeadwaterError } from '../foundation/error.ts';
import { silentLogger } from '../foundation/logger.ts';
import { createSeededRandom } from '../foundation/random.ts';
import { writeLaneGap } from '../journal/lane-gap.ts';
import type { StateStore } from '../journal/state-store.ts';
import { toSequence } from '../model/position.ts';
import { copyRequestName } from '../model/source-identity.ts';
import { JournalTail } from './journal-tail.ts';
import { noCopies, type SourceCopies } from './lane-copy.ts';
import { Lane } from './lane.ts';
import { type LaneOptions, resolveLaneOptions } from './lane-options.ts';
import { readCheckpoint } from './lane-store.ts';
import { FakeClock } from '../foundation/testing/fake-clock.ts';
import { createMemoryStates, MemoryJournal, testEvent } from '../testing/memory-journal.ts';
import { RecordingStore } from './testing/recording-sink.ts';

class Fixture {
  readonly journal = new MemoryJournal();
  readonly states: StateStore = createMemoryStates();
  readonly clock = new FakeClock();
  readonly tail = new JournalTail({ reader: this.journal, createDecoder: this.journal.createDecoder });
  copies: SourceCopies = noCopies;

  lane(
    store: RecordingStore,
    options: Partial<LaneOptions> = {},
    name = 'a',
    configuredNames: readonly string[] = [name],
  ): Lane {
    return new Lane({
      installation: 'main',
      laneName: name,
      options: resolveLaneOptions({ sink: store.definition, onPoisoned: 'stop', ...options }),
      configuredNames,
      reader: this.journal,
      tail: this.tail,
      states: this.states,
      copies: () => this.copies,
      clock: this.clock,
      random: createSeededRandom(1),
      logger: silentLogger,
    });
  }
}

const away = new HeadwaterError('HW-SINK-001', 'the store is away');
const poison = new HeadwaterError('HW-SINK-007', 'the store refuses the record');
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
};

describe('a lane', () => {
  test('delivers every record in journal order and keeps the checkpoint behind the last acknowledged one', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    fixture.journal.append([testEvent('k', '1'), testEvent('k', '2')]);
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('k', '3')]);
    await lane.drain();
    assert.deepEqual(store.ids, ['1', '2', '3']);
    assert.equal(lane.status().checkpoint?.sequence, 2n);
    assert.equal(lane.status().lag.transactionCount, 0n);
    await lane.stop();
    assert.equal(readCheckpoint(fixture.states, 'a')?.sequence, 2n);
    assert.equal(lane.status().condition, 'stopped');
  });

  test('goes on at its checkpoint after a restart, in the middle of a transaction too', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    fixture.journal.append([testEvent('k', '1'), testEvent('k', '2'), testEvent('k', '3')]);
    store.script = (batch) => (batch.records[0]?.id === '2' ? { throw: poison } : 'take');
    const options = { batch: { recordCountMax: 1 } };
    const lane = fixture.lane(store, options);
    await lane.start();
    await store.until(() => store.closeCount === 1);
    await turns();
    assert.equal(lane.status().condition, 'failed');
    assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-007');
    assert.deepEqual(store.ids, ['1'], 'nothing is skipped');
    store.script = () => 'take';
    const next = fixture.lane(store, options);
    await next.start();
    await next.drain();
    assert.deepEqual(store.ids, ['1', '2', '3']);
    await next.stop();
  });

  test('looks up a lost reply instead of writing twice', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    fixture.journal.append([testEvent('k', '1')]);
    let failures = 1;
    store.script = () => (failures-- > 0 ? { takeAndThrow: away } : 'take');
    const lane = fixture.lane(store);
    await lane.start();
    await turns();
    assert.equal(lane.status().condition, 'retrying');
    fixture.clock.advance(1000);
    await lane.drain();
    assert.deepEqual(store.ids, ['1']);
    assert.equal(store.batches.length, 1);
    assert.equal(lane.status().condition, 'running');
    await lane.stop();
  });

  test('writes a batch again that had no effect', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    fixture.journal.append([testEvent('k', '1')]);
    let failures = 2;
    store.script = () => (failures-- > 0 ? { throw: away } : 'take');
    const lane = fixture.lane(store);
    await lane.start();
    await turns();
    fixture.clock.advance(1000);
    await turns();
    fixture.clock.advance(1000);
    await lane.drain();
    assert.deepEqual(store.ids, ['1']);
    assert.equal(lane.status().retryCount, 2);
    await lane.stop();
  });

  test('rewinds to the last whole transaction when a large one fails on the way', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ unit: 'transaction' });
    fixture.journal.append([testEvent('k', '0')]);
    fixture.journal.append([testEvent('k', '1'), testEvent('k', '2')], [testEvent('k', '3'), testEvent('k', '4')]);
    let failures = 1;
    store.script = (batch) =>
      batch.endsTransaction && batch.to.sequence === 2n && failures-- > 0 ? { throw: away } : 'take';
    const lane = fixture.lane(store, { batch: { recordCountMax: 2 } });
    await lane.start();
    await store.until(() => failures === 0);
    assert.deepEqual(store.ids, ['0'], 'no part of a transaction is visible');
    const { sequence, recordCount } = lane.status().checkpoint ?? {};
    assert.deepEqual([sequence, recordCount], [1n, 0], 'what the sink holds open is not acknowledged');
    await turns();
    fixture.clock.advance(1000);
    await lane.drain();
    assert.deepEqual(store.ids, ['0', '1', '2', '3', '4']);
    await lane.stop();
  });

  test('moves past what its filter leaves out, and counts it', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    const lane = fixture.lane(store, { filter: (record) => record.kind === 'event' && record.event.id !== '2' });
    await lane.start();
    fixture.journal.append([testEvent('k', '1'), testEvent('k', '2')]);
    fixture.journal.append([testEvent('k', '2')]);
    await lane.drain();
    assert.deepEqual(store.ids, ['1']);
    assert.equal(lane.status().filteredCount, 2);
    assert.equal(lane.status().checkpoint?.sequence, 2n);
    fixture.clock.advance(61_000);
    await store.until(() => store.checkpoint?.sequence === 2n);
    await lane.stop();
  });

  test('stops by name when a function of the user throws', async () => {
    const fixture = new Fixture();
    const lane = fixture.lane(new RecordingStore(), {
      filter: () => {
        throw new TypeError('no such field');
      },
    });
    await lane.start();
    fixture.journal.append([testEvent('k', '1')]);
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-010');
    await lane.stop();
  });

  test('sets no timer and reads nothing while there is nothing to do', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('k', '1')]);
    await lane.drain();
    fixture.clock.advance(120_000);
    await turns();
    assert.equal(fixture.clock.timerCount, 0);
    assert.equal(fixture.journal.readCount, 1);
    await lane.stop();
  });

  test('keeps what a pause found under way, holds its place, and goes on when resumed', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    const held = Promise.withResolvers<void>();
    store.script = () => ({ hold: held.promise });
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('k', '1')]);
    await store.until(() => store.started.length === 1);
    const paused = lane.pause();
    fixture.journal.append([testEvent('k', '2')]);
    held.resolve();
    await paused;
    assert.deepEqual(store.ids, ['1']);
    assert.equal(lane.status().condition, 'paused');
    assert.equal(store.closeCount, 1);
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    await lane.resume();
    await store.until(() => store.ids.length === 2);
    await lane.stop();
  });

  test('stops in mid-batch within its time although the sink hangs', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    store.script = () => ({ hold: Promise.withResolvers<void>().promise });
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('k', '1')]);
    await store.until(() => store.started.length === 1);
    const stopped = lane.stop();
    await turns();
    fixture.clock.advance(10_000);
    await stopped;
    assert.equal(lane.status().checkpoint?.sequence, 0n);
    assert.equal(store.closeCount, 1);
  });

  test('waits for a sink that is away, and delivers when it comes back', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    store.openFailures = [away, away];
    fixture.journal.append([testEvent('k', '1')]);
    const lane = fixture.lane(store);
    await lane.start();
    assert.equal(lane.status().condition, 'retrying');
    fixture.clock.advance(1000);
    await store.until(() => store.openCount === 2);
    await turns();
    fixture.clock.advance(1000);
    await lane.drain();
    assert.deepEqual(store.ids, ['1']);
    await lane.stop();
  });

  test('refuses to start what waiting does not mend, and may be resumed when it is mended', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    store.openFailures = [new HeadwaterError('HW-SINK-002', 'wrong password')];
    const lane = fixture.lane(store);
    await assert.rejects(lane.start(), { code: 'HW-SINK-002' });
    assert.equal(lane.status().condition, 'failed');
    await lane.resume();
    fixture.journal.append([testEvent('k', '1')]);
    await lane.drain();
    assert.deepEqual(store.ids, ['1']);
    await lane.stop();
  });

  test('gives up after the attempts that were allowed', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    store.script = () => ({ throw: away });
    const lane = fixture.lane(store, { retry: { maxAttempts: 2 } });
    await lane.start();
    fixture.journal.append([testEvent('k', '1')]);
    await store.until(() => store.started.length === 1);
    await turns();
    fixture.clock.advance(1000);
    await store.until(() => store.closeCount === 1);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-013');
    await lane.stop();
  });

  for (const unit of ['batch', 'record'] as const) {
    test(`reads the journal anew when a read fails for a while, with unit ${unit}`, async () => {
      const fixture = new Fixture();
      const store = new RecordingStore({ unit, checkpointIn: 'lane' });
      const lane = fixture.lane(store);
      await lane.start();
      fixture.journal.append([testEvent('k', '1')]);
      await lane.drain();
      fixture.journal.fail(new HeadwaterError('HW-JOURNAL-016', 'the socket is away'));
      await turns();
      assert.equal(lane.status().condition, 'retrying');
      fixture.journal.append([testEvent('k', '2')]);
      fixture.clock.advance(1000);
      await lane.drain();
      assert.deepEqual(store.ids, ['1', '2']);
      assert.equal(lane.status().condition, 'running');
      fixture.journal.fail(new HeadwaterError('HW-JOURNAL-004', 'a bad byte'));
      await store.until(() => store.closeCount === 1);
      await turns();
      assert.equal(lane.status().condition, 'failed');
    });
  }

  test('has its checkpoint on the disk before the journal may be cut at it', async () => {
    const fixture = new Fixture();
    const lane = fixture.lane(new RecordingStore({ checkpointIn: 'lane' }));
    await lane.start();
    const write = fixture.states.write.bind(fixture.states);
    const durabilities: (string | undefined)[] = [];
    fixture.states.write = (kind, name, text, durability) => {
      durabilities.push(durability);
      write(kind, name, text, durability);
    };
    fixture.journal.append([testEvent('k', '1')]);
    await lane.drain();
    assert.equal(lane.durableSequence, 1n);
    fixture.clock.advance(500);
    assert.deepEqual(durabilities, ['written']);
    fixture.journal.append([testEvent('k', '2')]);
    await lane.drain();
    assert.equal(lane.secureCheckpoint(), 2n);
    assert.equal(readCheckpoint(fixture.states, 'a')?.sequence, 2n);
    assert.equal(lane.secureCheckpoint(), 2n);
    assert.deepEqual(durabilities, ['written', 'flushed']);
    await lane.stop();
  });

  test('goes on although its checkpoint cannot be saved for a while, and saves it later', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    const lane = fixture.lane(store);
    await lane.start();
    const write = fixture.states.write.bind(fixture.states);
    let failures = 3;
    fixture.states.write = (kind, name, text) => {
      if (failures-- > 0) throw new HeadwaterError('HW-JOURNAL-007', 'the disk is full');
      write(kind, name, text);
    };
    fixture.journal.append([testEvent('k', '1')]);
    await lane.drain();
    fixture.clock.advance(500);
    assert.equal(readCheckpoint(fixture.states, 'a')?.sequence, 0n);
    assert.equal(lane.status().condition, 'running');
    assert.equal(lane.status().lastFailure?.error.code, 'HW-JOURNAL-007');
    fixture.clock.advance(1000);
    assert.equal(readCheckpoint(fixture.states, 'a')?.sequence, 1n);
    await lane.stop();
  });

  test('starts at now and stays there over a restart', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    fixture.journal.append([testEvent('k', '1')]);
    const first = fixture.lane(store, { start: 'now', paused: true });
    await first.start();
    await first.stop();
    fixture.journal.append([testEvent('k', '2')]);
    const second = fixture.lane(store, { start: 'now' });
    await second.start();
    await second.drain();
    assert.deepEqual(store.ids, ['2']);
    assert.equal(second.status().isComplete, false);
    await second.stop();
  });

  test('never calls a copy complete whose older rows are not in the journal', async () => {
    const fixture = new Fixture();
    const lane = fixture.lane(new RecordingStore());
    await lane.start();
    assert.equal(lane.status().isComplete, true);
    const orders = { schemaName: 'public', tableName: 'orders', rowEstimate: 5, reason: 'held-rows-at-start' } as const;
    fixture.copies = { ...noCopies, uncopiedTables: [orders] };
    assert.equal(lane.status().isComplete, false);
    assert.deepEqual(lane.status().uncopiedTables, [orders]);
    await lane.stop();
  });

  test('never calls its own copy complete before that was begun, ended and delivered', async () => {
    const fixture = new Fixture();
    fixture.journal.append([testEvent('k', '1')]);
    const lane = fixture.lane(new RecordingStore(), { start: 'snapshot' });
    await lane.start();
    assert.deepEqual([lane.copyOrigin, lane.status().isComplete], [1n, false], 'not begun');
    const copiedLanes = [copyRequestName('a', toSequence(1n))];
    const lanes = ['a'];
    const table = { schemaName: 'public', tableName: 'orders', rowEstimate: -1, reason: 'lane-added', lanes } as const;
    fixture.copies = { ...noCopies, copiedLanes, uncopiedTables: [table] };
    assert.equal(lane.status().isComplete, false, 'begun');
    fixture.copies = { copiedLanes, copiedThrough: 2n, uncopiedTables: [] };
    assert.equal(lane.status().isComplete, false, 'ended in the journal');
    fixture.journal.append([testEvent('k', '2')]);
    await lane.drain();
    assert.equal(lane.status().isComplete, true, 'delivered');
    await lane.stop();
  });

  test('refuses a renamed lane, another target and another revision by name', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    const lane = fixture.lane(store);
    await lane.start();
    await lane.stop();
    await assert.rejects(fixture.lane(store, {}, 'b').start(), { code: 'HW-LANE-004' });
    await assert.rejects(fixture.lane(store, { revision: 2 }).start(), { code: 'HW-LANE-006' });
    const elsewhere = { ...store.definition, target: 'other' };
    await assert.rejects(fixture.lane(store, { sink: elsewhere }).start(), { code: 'HW-LANE-005' });
    const replacing = fixture.lane(new RecordingStore(), { replaces: 'a' }, 'b');
    await replacing.start();
    await replacing.stop();
  });

  test('refuses a sink that lost its checkpoint, one ahead of the journal, and a journal that lost what comes next', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore();
    for (let count = 0; count < 3; count += 1) fixture.journal.append([testEvent('k', String(count))]);
    const lane = fixture.lane(store);
    await lane.start();
    await lane.drain();
    await lane.stop();
    const kept = store.checkpoint;
    assert.ok(kept !== undefined);
    store.checkpoint = undefined;
    await assert.rejects(fixture.lane(store).start(), { code: 'HW-LANE-008' });
    store.checkpoint = { ...kept, sequence: fixture.journal.append(), recordCount: 1 };
    await assert.rejects(fixture.lane(store).start(), { code: 'HW-LANE-002' });
    store.checkpoint = { ...kept, journalId: 'another' };
    await assert.rejects(fixture.lane(store).start(), { code: 'HW-LANE-001' });
    store.checkpoint = kept;
    fixture.journal.trim(fixture.journal.append());
    await assert.rejects(fixture.lane(store).start(), { code: 'HW-LANE-003', details: { gapFrom: '4', gapTo: '5' } });
  });

  test('refuses to go on once retention gave it up, until another name takes its place', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ checkpointIn: 'lane' });
    fixture.journal.append([testEvent('k', '1')]);
    const lane = fixture.lane(store);
    await lane.start();
    await lane.drain();
    const gap = { firstLost: toSequence(2n), lastLost: toSequence(3n) };
    for (let count = 2; count <= 5; count += 1) fixture.journal.append();
    await lane.stop();
    const states = fixture.states;
    states.write(
      'checkpoint',
      'a',
      (states.read('checkpoint', 'a') ?? '').replace(/"sequence":"\d+"/, '"sequence":"1"'),
    );
    writeLaneGap(states, 'a', { ...gap, atMs: 0 });
    fixture.journal.trim(toSequence(4n));
    await assert.rejects(fixture.lane(store).start(), {
      code: 'HW-JOURNAL-014',
      details: { lane: 'a', gapFrom: '2', gapTo: '4' },
    });
    const next = fixture.lane(store, { replaces: 'a' }, 'b');
    await next.start();
    await next.stop();
    assert.deepEqual(states.list('lane-gap'), []);
  });

  test('does not delay another lane while its sink hangs', async () => {
    const fixture = new Fixture();
    const hung = new RecordingStore();
    const swift = new RecordingStore();
    hung.script = () => ({ hold: Promise.withResolvers<void>().promise });
    const names = ['hung', 'swift'];
    const hungLane = fixture.lane(hung, {}, 'hung', names);
    const swiftLane = fixture.lane(swift, {}, 'swift', names);
    await Promise.all([hungLane.start(), swiftLane.start()]);
    for (let count = 0; count < 5000; count += 1) fixture.journal.append([testEvent('k', String(count))]);
    await swiftLane.drain();
    assert.equal(swift.ids.length, 5000);
    assert.ok(hungLane.status().lag.pendingRecordCount <= 2000, 'what a hung lane holds is bounded');
    await swiftLane.stop();
    const stopped = hungLane.stop();
    await turns();
    fixture.clock.advance(10_000);
    await stopped;
  });

  test('decodes once for all lanes at the tail', async () => {
    const fixture = new Fixture();
    const names = ['a', 'b', 'c'];
    const stores = names.map(() => new RecordingStore());
    const lanes = stores.map((store, index) => fixture.lane(store, {}, names[index], names));
    await Promise.all(lanes.map((lane) => lane.start()));
    for (let count = 0; count < 100; count += 1) {
      fixture.journal.append([testEvent('k', String(count))]);
      if (count % 10 === 0) await Promise.all(lanes.map((lane) => lane.drain()));
    }
    await Promise.all(lanes.map((lane) => lane.drain()));
    for (const store of stores) assert.equal(store.ids.length, 100);
    assert.equal(fixture.journal.decodeCount, 100);
    await Promise.all(lanes.map((lane) => lane.stop()));
  });
});

describe('a lane of single records', () => {
  test('keeps the order of a key while its record fails, and lets other keys pass', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ unit: 'record', checkpointIn: 'lane' });
    let failures = 1;
    store.script = ({ records }) => (records[0]?.id === 'a1' && failures-- > 0 ? { throw: away } : 'take');
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('a', 'a1'), testEvent('b', 'b1'), testEvent('a', 'a2')]);
    fixture.journal.append([testEvent('b', 'b2')]);
    await store.until(() => store.ids.length === 2);
    await turns();
    assert.deepEqual(store.ids, ['b1', 'b2']);
    assert.equal(lane.status().checkpoint?.sequence, 0n);
    assert.equal(lane.status().checkpoint?.recordCount, 0, 'a hole is never passed');
    assert.equal(lane.status().condition, 'retrying');
    fixture.clock.advance(1000);
    await lane.drain();
    assert.deepEqual(store.ids, ['b1', 'b2', 'a1', 'a2']);
    assert.equal(lane.status().condition, 'running');
    await lane.stop();
  });

  test('holds no more records than its window while one key is stuck', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ unit: 'record', checkpointIn: 'lane' });
    store.script = () => ({ hold: Promise.withResolvers<void>().promise });
    const lane = fixture.lane(store, { batch: { recordCountMax: 10 }, concurrencyMax: 4 });
    await lane.start();
    for (let count = 0; count < 100; count += 1) fixture.journal.append([testEvent('k', String(count))]);
    await store.until(() => store.started.length === 1);
    await turns();
    assert.equal(lane.status().lag.pendingRecordCount, 10);
    const stopped = lane.stop();
    await turns();
    fixture.clock.advance(10_000);
    await stopped;
  });

  test('names the poisoned record and repeats from there', async () => {
    const fixture = new Fixture();
    const store = new RecordingStore({ unit: 'record', checkpointIn: 'lane' });
    store.script = ({ records }) => (records[0]?.id === '2' ? { throw: poison } : 'take');
    const lane = fixture.lane(store);
    await lane.start();
    fixture.journal.append([testEvent('k', '1'), testEvent('k', '2'), testEvent('k', '3')]);
    await store.until(() => store.closeCount === 1);
    assert.equal(lane.status().lastFailure?.recordId, '2');
    assert.equal(lane.status().checkpoint?.recordCount, 1);
    store.script = () => 'take';
    await lane.resume();
    await store.until(() => store.ids.length === 3);
    assert.deepEqual(store.ids, ['1', '2', '3']);
    await lane.stop();
  });
});
