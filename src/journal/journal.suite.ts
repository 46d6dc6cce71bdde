import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { ChangeRecorder } from '../capture/change-recorder.ts';
import { toInstant } from '../foundation/clock.ts';
import { toLsn } from '../model/lsn.ts';
import { type Sequence, sequenceZero, toSequence } from '../model/position.ts';
import type { JournalReader } from './journal-reader.ts';
import type { StateStore } from './state-store.ts';
import type { BodyFragment } from '../capture/change-recorder.ts';
import {
  boundaryOf,
  EntryCollector,
  fragmentOf,
  readAll,
  readTexts,
  schemaOf,
  sourceStart,
  testSource,
} from './testing/journal-writes.ts';

/** An engine under test, opened on a journal of its own. */
export interface JournalEngine {
  readonly recorder: ChangeRecorder;
  readonly reader: JournalReader;
  readonly state: StateStore;
  /** Ends cleanly and opens the same journal again. */
  restart(): Promise<JournalEngine>;
  /** Ends as a kill -9 does, and opens the same journal again. */
  killAndRestart(): Promise<JournalEngine>;
  close(): Promise<void>;
}

/** What every journal promises to capture and to lanes, whatever it is made of. `open` gives an empty journal with small segments. */
export function journalSuite(name: string, open: () => Promise<JournalEngine>): void {
  describe(`the journal on ${name}`, () => {
    let engine: JournalEngine;
    beforeEach(async () => {
      engine = await open();
      engine.recorder.recordSource(testSource, sourceStart, 'initial');
    });
    afterEach(() => engine.close());

    const append = (number: number, text = `t${number};`): Sequence =>
      engine.recorder.appendTransaction(boundaryOf(number), fragmentOf(text), []);

    visibilityTests(() => engine, append);
    openTransactionTests(
      () => engine,
      (next) => (engine = next),
    );
    readingTests(() => engine, append);
    restartTests(
      () => engine,
      (next) => (engine = next),
      append,
    );
  });
}

type Append = (number: number, text?: string) => Sequence;

function visibilityTests(engine: () => JournalEngine, append: Append): void {
  it('shows nothing before a flush that began after the append has ended', async () => {
    const { recorder, reader } = engine();
    const running = recorder.flush();
    append(1);
    await running;
    assert.deepEqual(await readTexts(reader), []);
    assert.equal(reader.durableEnd.sequence, 0n);
    assert.ok(recorder.pendingByteCount > 0);
    assert.deepEqual(await recorder.flush(), { sequence: 1n, recordedLsn: boundaryOf(1).commitEndLsn });
    assert.equal(recorder.pendingByteCount, 0);
    assert.deepEqual(await readTexts(reader), ['t1;']);
  });

  it('gives flushes that were asked for during another one what was appended before they were asked', async () => {
    const { recorder } = engine();
    append(1);
    const first = recorder.flush();
    append(2);
    const [second, third] = [recorder.flush(), recorder.flush()];
    append(3);
    assert.equal((await first).sequence, 1n);
    assert.ok((await second).sequence >= 2n);
    assert.ok((await third).sequence >= 2n);
    assert.equal((await recorder.flush()).sequence, 3n);
  });

  it('returns bodies byte for byte, with place and time of the commit', async () => {
    const { recorder, reader } = engine();
    const body = [Buffer.from([0, 1, 2, 255]), Buffer.alloc(10_000, 7), Buffer.alloc(0)];
    recorder.appendTransaction(boundaryOf(1), { encoding: 'pgoutput-copy/1', body, messageCount: 3 }, []);
    await recorder.flush();
    for await (const [entry] of reader.read({ after: sequenceZero, follow: false })) {
      assert.ok(entry?.kind === 'fragment' && entry.isFirst && entry.isLast);
      assert.deepEqual(Buffer.from(entry.body), Buffer.concat(body));
      const { systemId, timeline } = testSource;
      const expected = {
        ...boundaryOf(1),
        sequence: 1n,
        systemId,
        timeline,
        messageCount: 3,
        uncopiedTables: undefined,
        copiedLanes: undefined,
      };
      assert.deepEqual(entry.header, expected);
    }
  });

  it('numbers transactions from 1 without a gap, over many segments', async () => {
    const { recorder, reader } = engine();
    for (let number = 1; number <= 500; number += 1) {
      assert.equal(append(number, `t${number};`.padEnd(500, '.')), BigInt(number));
      if (number % 50 === 0) await recorder.flush();
    }
    const { transactions } = await readAll(reader);
    assert.deepEqual(
      transactions.map(({ sequence }) => sequence),
      Array.from({ length: 500 }, (_, index) => BigInt(index + 1)),
    );
    assert.deepEqual(
      await readTexts(reader, toSequence(498n)),
      [499, 500].map((number) => `t${number};`.padEnd(500, '.')),
    );
  });

  it('makes progress durable, for an idle source to be confirmed', async () => {
    const { recorder } = engine();
    append(1);
    recorder.recordProgress(toLsn(9_999n));
    assert.deepEqual(await recorder.flush(), { sequence: 1n, recordedLsn: 9_999n });
    assert.equal(recorder.state.recordedLsn, 9_999n);
    assert.equal(recorder.state.lastCommitEndLsn, boundaryOf(1).commitEndLsn);
  });

  it('tells in its state what is durable, not what is only appended', async () => {
    const { recorder } = engine();
    assert.equal(recorder.state.source, undefined);
    append(1);
    assert.equal(recorder.state.lastSequence, 0n);
    await recorder.flush();
    assert.deepEqual(recorder.state.source, testSource);
    assert.equal(recorder.state.sourceStartLsn, sourceStart);
    assert.equal(recorder.state.lastSequence, 1n);
  });

  it('refuses a commit that does not end behind the last one', () => {
    append(2);
    assert.throws(() => append(1), { code: 'HW-INTERNAL-002' });
  });
}

function openTransactionTests(engine: () => JournalEngine, become: (next: JournalEngine) => void): void {
  it('keeps fragments of interleaved open transactions apart, in the order of the commits', async () => {
    const { recorder, reader } = engine();
    recorder.appendFragment(1, 1, fragmentOf('a1;'));
    recorder.appendFragment(1, 1, fragmentOf('a2;'));
    await recorder.flush();
    recorder.appendFragment(2, 2, fragmentOf('b1;'));
    recorder.appendTransaction(boundaryOf(1), fragmentOf('small;'), []);
    recorder.appendFragment(1, 1, fragmentOf('a3;', 'a4;'));
    recorder.appendFragment(3, 3, fragmentOf('c1;'));
    await recorder.flush();
    recorder.appendFragment(2, 2, fragmentOf('b2;'));
    recorder.commitTransaction(boundaryOf(2, 2), []);
    recorder.commitTransaction(boundaryOf(3, 1), []);
    await recorder.flush();
    assert.deepEqual(await readTexts(reader), ['small;', 'b1;b2;', 'a1;a2;a3;a4;']);
    assert.deepEqual(
      (await readAll(reader)).transactions.map(({ xid, messageCount }) => [xid, messageCount]),
      [
        [701, 1],
        [2, 2],
        [1, 4],
      ],
    );
  });

  it('hands a large transaction over in its fragments', async () => {
    const { recorder, reader } = engine();
    for (let part = 0; part < 40; part += 1) recorder.appendFragment(5, 5, fragmentOf(`${part};`.padEnd(70_000, '.')));
    recorder.commitTransaction(boundaryOf(1, 5), []);
    await recorder.flush();
    const [transaction] = (await readAll(reader)).transactions;
    assert.equal(transaction?.fragmentCount, 40);
    assert.equal(transaction.messageCount, 40);
    const parts = Array.from({ length: 40 }, (_, part) => `${part};`.padEnd(70_000, '.'));
    assert.equal(transaction.text, parts.join(''));
  });

  it('leaves out what a subtransaction wrote that was rolled back', async () => {
    const { recorder, reader } = engine();
    recorder.appendFragment(1, 1, fragmentOf('a1;'));
    recorder.appendFragment(1, 11, fragmentOf('gone;'));
    recorder.appendFragment(1, 12, fragmentOf('kept;'));
    recorder.abortSubtransaction(1, 11);
    recorder.appendFragment(1, 1, fragmentOf('a2;'));
    recorder.commitTransaction(boundaryOf(1, 1), []);
    await recorder.flush();
    const [transaction] = (await readAll(reader)).transactions;
    assert.equal(transaction?.text, 'a1;kept;a2;');
    assert.equal(transaction.messageCount, 3);
  });

  it('forgets a transaction that was rolled back whole, wherever its fragments lie', async () => {
    const { recorder, reader } = engine();
    recorder.appendFragment(1, 1, fragmentOf('gone;'));
    await recorder.flush();
    recorder.abortTransaction(1);
    recorder.appendFragment(2, 2, fragmentOf('gone;'));
    recorder.appendFragment(3, 3, fragmentOf('kept;'));
    recorder.abortTransaction(2);
    recorder.commitTransaction(boundaryOf(1, 3), []);
    await recorder.flush();
    assert.deepEqual(await readTexts(reader), ['kept;']);
  });

  it('shows an empty transaction as one', async () => {
    const { recorder, reader } = engine();
    recorder.appendFragment(1, 11, fragmentOf('gone;'));
    recorder.abortSubtransaction(1, 11);
    recorder.commitTransaction(boundaryOf(1, 1), []);
    recorder.commitTransaction(boundaryOf(2, 2), []);
    await recorder.flush();
    assert.deepEqual(await readTexts(reader), ['', '']);
  });

  it('keeps a prepared transaction over a restart, invisible until it is decided', async () => {
    const { recorder } = engine();
    recorder.appendFragment(1, 1, fragmentOf('a1;'));
    recorder.prepareTransaction(1, 'gid-one', toLsn(1_200n));
    recorder.appendFragment(2, 2, fragmentOf('b1;'));
    recorder.appendTransaction(boundaryOf(3), fragmentOf('small;'), []);
    recorder.prepareTransaction(2, 'gid-two', toLsn(1_400n));
    await recorder.flush();
    assert.deepEqual(await readTexts(engine().reader), ['small;']);
    become(await engine().killAndRestart());
    assert.deepEqual([...engine().recorder.state.preparedGids], ['gid-one', 'gid-two']);
    engine().recorder.commitPrepared('gid-one', boundaryOf(5, 1), []);
    engine().recorder.rollbackPrepared('gid-two', toLsn(1_700n));
    await engine().recorder.flush();
    assert.deepEqual(await readTexts(engine().reader), ['small;', 'a1;']);
    become(await engine().restart());
    assert.deepEqual([...engine().recorder.state.preparedGids], []);
    assert.equal(engine().recorder.state.recordedLsn, 1_700n);
    assert.deepEqual(await readTexts(engine().reader), ['small;', 'a1;']);
  });

  it('has nothing of an open transaction after a crash, and takes it again', async () => {
    const { recorder } = engine();
    recorder.appendTransaction(boundaryOf(1), fragmentOf('small;'), []);
    recorder.appendFragment(2, 2, fragmentOf('b1;'));
    await recorder.flush();
    recorder.appendFragment(3, 3, fragmentOf('c1;'));
    await recorder.flush();
    become(await engine().killAndRestart());
    assert.deepEqual(await readTexts(engine().reader), ['small;']);
    engine().recorder.appendFragment(2, 2, fragmentOf('b1;'));
    engine().recorder.appendFragment(2, 2, fragmentOf('b2;'));
    engine().recorder.commitTransaction(boundaryOf(2, 2), []);
    await engine().recorder.flush();
    assert.deepEqual(await readTexts(engine().reader), ['small;', 'b1;b2;']);
  });
}

function readingTests(engine: () => JournalEngine, append: Append): void {
  it('wakes a reader that follows, with whole transactions in order', async () => {
    const { recorder, reader } = engine();
    const collector = new EntryCollector();
    const stop = new AbortController();
    const following = (async () => {
      for await (const entries of reader.read({ after: sequenceZero, follow: true, signal: stop.signal })) {
        collector.take(entries);
        if (collector.transactions.length === 200) return;
      }
    })();
    for (let number = 1; number <= 200; number += 1) {
      append(number, `t${number};`.padEnd(300, '.'));
      if (number % 7 === 0 || number === 200) await recorder.flush();
    }
    await following;
    assert.deepEqual(
      collector.transactions.map(({ sequence }) => Number(sequence)),
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
  });

  it('ends a waiting reader with the reason it was cancelled for', async () => {
    const { reader } = engine();
    const stop = new AbortController();
    const reason = new Error('enough');
    const reading = (async () => {
      for await (const _ of reader.read({ after: sequenceZero, follow: true, signal: stop.signal }));
    })();
    const waiting = reader.waitBehind(sequenceZero, stop.signal);
    const rejected = [assert.rejects(reading, reason), assert.rejects(waiting, reason)];
    stop.abort(reason);
    await Promise.all(rejected);
    await assert.rejects(reader.waitBehind(sequenceZero, stop.signal), reason);
  });

  it('tells who waits when the end has passed a sequence', async () => {
    const { recorder, reader } = engine();
    const waiting = reader.waitBehind(toSequence(1n));
    append(1);
    await recorder.flush();
    append(2);
    await recorder.flush();
    assert.ok((await waiting).sequence >= 2n);
    assert.equal((await reader.waitBehind(toSequence(1n))).sequence, 2n);
  });

  it('refuses a position beyond its end', async () => {
    await assert.rejects(readAll(engine().reader, toSequence(5n)), { code: 'HW-JOURNAL-011' });
  });

  it('gives schemas at their place, and to a reader that begins later before the first body', async () => {
    const { recorder, reader } = engine();
    recorder.appendTransaction(boundaryOf(1), fragmentOf('t1;'), [schemaOf(1, 'one'), schemaOf(2, 'two')]);
    append(2);
    recorder.appendTransaction(boundaryOf(3), fragmentOf('t3;'), [schemaOf(1, 'one-changed')]);
    append(4);
    await recorder.flush();
    const describe = async (after: bigint): Promise<readonly string[]> =>
      (await readAll(reader, toSequence(after))).met.map((entry) => ('schema' in entry ? entry.schema : entry.text));
    assert.deepEqual(await describe(0n), ['t1;', '1:one', '2:two', 't2;', 't3;', '1:one-changed', 't4;']);
    assert.deepEqual(await describe(1n), ['1:one', '2:two', 't2;', 't3;', '1:one-changed', 't4;']);
    assert.deepEqual(await describe(3n), ['1:one-changed', '2:two', 't4;']);
  });

  it('knows the schemas of older segments', async () => {
    const { recorder, reader } = engine();
    recorder.appendTransaction(boundaryOf(1), fragmentOf('t1;'), [schemaOf(1, 'one')]);
    for (let number = 2; number <= 400; number += 1) append(number, `t${number};`.padEnd(500, '.'));
    await recorder.flush();
    const { met } = await readAll(reader, toSequence(399n));
    assert.deepEqual(met[0], { schema: '1:one' });
    assert.equal(met.length, 2);
  });

  it('finds the place of a time, also when commit times went back', async () => {
    const { recorder, reader } = engine();
    const times = [10n, 30n, 20n, 40n];
    for (const [index, seconds] of times.entries()) {
      const boundary = { ...boundaryOf(index + 1), commitTimeMicros: seconds * 1_000_000n };
      recorder.appendTransaction(boundary, fragmentOf('t;'), []);
    }
    await recorder.flush();
    const locate = (seconds: number): Promise<Sequence> => reader.locateTime(toInstant(seconds * 1000));
    assert.equal(await locate(0), 0n);
    assert.equal(await locate(10), 0n);
    assert.equal(await locate(11), 1n);
    assert.equal(await locate(25), 1n);
    assert.equal(await locate(35), 3n);
    assert.equal(await locate(41), 4n);
  });

  it('tells its extent', async () => {
    const { recorder, reader } = engine();
    const empty = await reader.extent();
    assert.deepEqual([empty.first, empty.last, empty.oldestCommitMicros], [1n, 0n, undefined]);
    append(1);
    append(2);
    await recorder.flush();
    const extent = await reader.extent();
    assert.deepEqual([extent.first, extent.last], [1n, 2n]);
    assert.equal(extent.oldestCommitMicros, boundaryOf(1).commitTimeMicros);
    assert.ok(extent.byteCount > empty.byteCount);
  });
}

function restartTests(engine: () => JournalEngine, become: (next: JournalEngine) => void, append: Append): void {
  it('goes on where it ended, cleanly or not', async () => {
    append(1);
    await engine().recorder.flush();
    const { journalId } = engine().reader;
    become(await engine().killAndRestart());
    append(2);
    become(await engine().restart());
    append(3);
    become(await engine().restart());
    assert.equal(engine().reader.journalId, journalId);
    const { transactions } = await readAll(engine().reader);
    assert.deepEqual(
      transactions.map(({ sequence, text }) => [sequence, text]),
      [
        [1n, 't1;'],
        [2n, 't2;'],
        [3n, 't3;'],
      ],
    );
    assert.deepEqual(engine().recorder.state.source, testSource);
    assert.equal(engine().recorder.state.lastCommitEndLsn, boundaryOf(3).commitEndLsn);
  });

  it('keeps small state durably', async () => {
    const { state } = engine();
    state.write('lane', 'b', '2');
    state.write('lane', 'a', '1');
    state.write('lane', 'a', 'one');
    state.write('lease', 'a', 'x');
    state.remove('lease', 'a');
    state.write('checkpoint', 'b', '3', 'written');
    state.change([
      { kind: 'lease', name: 'b', text: 'y' },
      { kind: 'lease', name: 'c', text: undefined },
    ]);
    become(await engine().killAndRestart());
    assert.equal(engine().state.read('lease', 'b'), 'y');
    assert.equal(engine().state.read('lane', 'a'), 'one');
    assert.equal(engine().state.read('lease', 'a'), undefined);
    assert.equal(engine().state.read('checkpoint', 'b'), '3');
    assert.deepEqual(engine().state.list('lane'), [
      ['a', 'one'],
      ['b', '2'],
    ]);
  });

  it('places the rows of a snapshot between two commits, and goes on behind its last chunk after a kill', async () => {
    const orders = { schemaName: 'public', tableName: 'orders' };
    const uncopied = { ...orders, rowEstimate: 10, reason: 'held-rows-at-start' } as const;
    const lacking = { ...testSource, uncopiedTables: [uncopied] };
    const { recorder } = engine();
    recorder.recordSource(lacking, recorder.state.sourceStartLsn, 'tables-changed');
    append(1);
    const rows: BodyFragment = { encoding: 'snapshot-rows/1', body: [Buffer.from('rows;')], messageCount: 1 };
    const chunk = { fragments: [rows, rows], readTimeMicros: 1_767_225_700_000_000n };
    assert.equal(recorder.appendSnapshotChunk({ ...chunk, progress: { ...orders, lastKey: ['2'], rowCount: 2 } }), 2n);
    append(2);
    await recorder.flush();
    // Not durable: neither its rows nor that they were copied.
    recorder.appendSnapshotChunk({ ...chunk, progress: { ...orders, lastKey: ['4'], rowCount: 4 } });
    become(await engine().killAndRestart());
    assert.deepEqual(engine().recorder.state.copies, [{ ...orders, lastKey: ['2'], rowCount: 2 }]);
    assert.equal(engine().recorder.state.lastCommitEndLsn, boundaryOf(2).commitEndLsn);
    const met: string[] = [];
    for await (const entries of engine().reader.read({ after: sequenceZero, follow: false })) {
      for (const entry of entries) {
        if (entry.kind !== 'fragment') continue;
        met.push(`${entry.header.sequence} ${entry.encoding} ${Buffer.from(entry.body).toString()}`);
        assert.deepEqual(entry.header.uncopiedTables, [uncopied]);
      }
    }
    assert.deepEqual(
      met.map((line) => line.trim()),
      ['1 pgoutput-copy/1 t1;', '2 snapshot-rows/1 rows;', '2 snapshot-rows/1 rows;', '3 pgoutput-copy/1 t2;'],
    );
    // Once the table is not uncopied any more, its progress is forgotten.
    engine().recorder.recordSource(testSource, engine().recorder.state.sourceStartLsn, 'tables-changed');
    await engine().recorder.flush();
    become(await engine().restart());
    assert.deepEqual(engine().recorder.state.copies, []);
    assert.deepEqual(engine().recorder.state.source, testSource);
  });

  it('keeps what a transaction changed in the progress of a copy, also one that was open then, and never the transaction alone', async () => {
    const orders = { schemaName: 'public', tableName: 'orders' };
    const lacking = {
      ...testSource,
      uncopiedTables: [{ ...orders, rowEstimate: 10, reason: 'held-rows-at-start' as const }],
    };
    const { recorder } = engine();
    recorder.recordSource(lacking, recorder.state.sourceStartLsn, 'tables-changed');
    const progress = { ...orders, lastKey: ['2'], endKey: ['9'], rowCount: 2, movedKeys: [['-7']] };
    recorder.appendFragment(1, 1, fragmentOf('t1a;'));
    recorder.recordCopyProgress(progress);
    assert.deepEqual(recorder.appendedCopies, [progress]);
    recorder.appendFragment(1, 1, fragmentOf('t1b;'));
    recorder.commitTransaction({ ...boundaryOf(1), xid: 1 }, []);
    await recorder.flush();
    become(await engine().killAndRestart());
    assert.deepEqual(engine().recorder.state.copies, [progress]);
    assert.deepEqual(engine().recorder.appendedCopies, [progress]);
    assert.equal(engine().recorder.state.lastCommitEndLsn, boundaryOf(1).commitEndLsn);
    const bodies: string[] = [];
    for await (const entries of engine().reader.read({ after: sequenceZero, follow: false })) {
      for (const entry of entries) if (entry.kind === 'fragment') bodies.push(Buffer.from(entry.body).toString());
    }
    assert.deepEqual(bodies.join(''), 't1a;t1b;');
  });

  it('takes a new source by hand-over and counts its locations anew', async () => {
    append(50);
    engine().recorder.recordSource({ ...testSource, systemId: '8', timeline: 3 }, toLsn(10n), 'hand-over');
    engine().recorder.appendTransaction(
      { ...boundaryOf(1), commitLsn: toLsn(20n), commitEndLsn: toLsn(30n) },
      fragmentOf('new;'),
      [],
    );
    await engine().recorder.flush();
    become(await engine().restart());
    assert.equal(engine().recorder.state.recordedLsn, 30n);
    const headers: string[] = [];
    for await (const entries of engine().reader.read({ after: sequenceZero, follow: false })) {
      for (const entry of entries)
        if (entry.kind === 'fragment') headers.push(`${entry.header.systemId}/${entry.header.timeline}`);
    }
    assert.deepEqual(headers, [`${testSource.systemId}/1`, '8/3']);
  });
}
