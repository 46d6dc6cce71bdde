import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { toLsn, type Lsn } from '../../../model/lsn.ts';
import type { CopyProgress } from '../../../model/source-identity.ts';
import { MemoryRecorder, type MemoryContents } from '../../testing/memory-recorder.ts';
import { decodeTransactions, insertedIds } from '../../testing/open-source.ts';
import { begin, commit, insert, keepalive, logicalMessage, relation, update } from '../../testing/stream-bytes.ts';
import { StreamRecorder, type StreamRecorderOptions } from './stream-recorder.ts';

const people = relation(7, 'people', [{ name: 'id', isKey: true }]);

interface Rig {
  readonly recorder: MemoryRecorder;
  readonly stream: StreamRecorder;
  readonly confirmed: Lsn[];
  readonly canaries: string[];
}

function createRig(recorder: MemoryRecorder = new MemoryRecorder(), options: Partial<StreamRecorderOptions> = {}): Rig {
  const confirmed: Lsn[] = [];
  const canaries: string[] = [];
  const stream = new StreamRecorder({
    recorder,
    spillByteCount: 1_000_000,
    slotLsn: toLsn(0n),
    output: {
      sendStatus: (_receivedLsn, confirmedLsn) => void confirmed.push(confirmedLsn),
      control: () => undefined,
      canarySeen: (content) => void canaries.push(Buffer.from(content).toString()),
    },
    ...options,
  });
  return { recorder, stream, confirmed, canaries };
}

function transaction(at: number, ids: readonly number[], extra: readonly Buffer[] = []): Buffer {
  const commitLsn = BigInt(at);
  const rows = ids.map((id) => insert(7, [String(id)]));
  return Buffer.concat([begin(commitLsn, at), ...extra, ...rows, commit(commitLsn, commitLsn + 5n)]);
}

describe('stream recorder', () => {
  test('wherever reads end, the same bodies are recorded, byte for byte and without keepalives', async () => {
    const stream = Buffer.concat([
      transaction(10, [1, 2], [people, keepalive(3n)]),
      keepalive(16n),
      transaction(20, [3]),
      transaction(30, [4, 5, 6], [logicalMessage({ prefix: 'other', content: 'x'.repeat(300) })]),
    ]);
    const whole = createRig();
    whole.stream.receive(stream);
    await whole.recorder.flush();
    const expected = bodies(whole.recorder.durable);
    assert.equal(Buffer.concat(expected).length, stream.length - 2 * keepalive(0n).length);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(stream.length), { maxLength: 40 }), fc.boolean(), async (cuts, isCopied) => {
        const rig = createRig();
        const ends = [...cuts, stream.length].toSorted((left, right) => left - right);
        let start = 0;
        for (const end of ends) {
          // Either views of one buffer, as the socket adapter reads, or buffers of their own, as TLS gives them.
          const piece = stream.subarray(start, end);
          rig.stream.receive(isCopied ? Buffer.from(piece) : piece);
          start = end;
        }
        await rig.recorder.flush();
        assert.deepEqual(bodies(rig.recorder.durable), expected);
        assert.deepEqual(insertedIds(decodeTransactions(rig.recorder)), ['1', '2', '3', '4', '5', '6']);
      }),
    );
  });

  test('a message larger than any read is joined', async () => {
    const { recorder, stream } = createRig();
    const big = Buffer.concat([begin(10n, 1), people, insert(7, ['9'.repeat(3_000_000)]), commit(10n, 15n)]);
    for (let start = 0; start < big.length; start += 65_536)
      stream.receive(Buffer.from(big.subarray(start, start + 65_536)));
    await recorder.flush();
    assert.equal(insertedIds(decodeTransactions(recorder))[0]?.length, 3_000_000);
  });

  test('a transaction above the limit goes to the recorder in fragments and is visible only with its commit', async () => {
    const { recorder, stream } = createRig(new MemoryRecorder(), { spillByteCount: 500 });
    stream.receive(
      Buffer.concat([
        begin(10n, 1),
        people,
        ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((id) => insert(7, [String(id)])),
      ]),
    );
    assert.equal(recorder.openTransactionCount, 1);
    await recorder.flush();
    assert.equal(recorder.durable.transactions.length, 0);
    stream.receive(Buffer.concat([insert(7, ['13']), commit(10n, 15n)]));
    await recorder.flush();
    assert.equal(recorder.durable.transactions[0]?.fragmentCount, 2);
    assert.equal(insertedIds(decodeTransactions(recorder)).length, 13);
  });

  test('a connection that ends in the midst of a large transaction leaves nothing open', () => {
    const { recorder, stream } = createRig(new MemoryRecorder(), { spillByteCount: 10 });
    stream.receive(Buffer.concat([begin(10n, 1), people, insert(7, ['1'])]));
    assert.equal(recorder.openTransactionCount, 1);
    stream.abandon();
    assert.equal(recorder.openTransactionCount, 0);
  });

  test('a transaction without a record of ours becomes progress, also when it was large', async () => {
    const { recorder, stream, canaries } = createRig(new MemoryRecorder(), { spillByteCount: 100 });
    const canary = logicalMessage({ prefix: 'headwater:canary', content: 'mine' });
    stream.receive(
      Buffer.concat([begin(10n, 1), canary, logicalMessage({ prefix: 'other', content: 'y'.repeat(500) })]),
    );
    stream.receive(commit(10n, 15n));
    stream.receive(transaction(20, []));
    assert.equal(recorder.openTransactionCount, 0);
    assert.ok(stream.statusDue());
    await recorder.flush();
    assert.equal(recorder.durable.transactions.length, 0);
    assert.equal(recorder.durable.state.recordedLsn, 25n);
    assert.deepEqual(canaries, ['mine']);
    assert.equal(stream.counts.withoutRecords, 2);
  });

  test('a message with our prefix outside any transaction is counted as forged and never recorded', async () => {
    const { recorder, stream } = createRig();
    stream.receive(logicalMessage({ prefix: 'headwater:1', content: '{}', isTransactional: false }));
    stream.receive(logicalMessage({ prefix: 'other', content: '{}', isTransactional: false }));
    await recorder.flush();
    assert.equal(stream.counts.forgedMessages, 1);
    assert.equal(recorder.durable.transactions.length, 0);
  });

  test('after a restart, known transactions are dropped and their relations carried into the next one that is new', async () => {
    const first = createRig();
    first.stream.receive(Buffer.concat([transaction(10, [1], [people]), transaction(20, [2])]));
    await first.recorder.flush();
    const again = createRig(first.recorder.crash());
    again.stream.receive(Buffer.concat([transaction(10, [1], [people]), transaction(20, [2]), transaction(30, [3])]));
    await again.recorder.flush();
    assert.equal(again.stream.counts.duplicates, 2);
    assert.deepEqual(insertedIds(decodeTransactions(again.recorder)), ['1', '2', '3']);
    const last = again.recorder.durable.transactions.at(-1);
    assert.deepEqual(
      last?.schemas.map(({ relationId }) => relationId),
      [7],
    );
    const alone = { durable: { ...again.recorder.durable, transactions: last === undefined ? [] : [last] } };
    assert.deepEqual(insertedIds(decodeTransactions(alone)), ['3'], 'readable without what came before');
  });

  test('only what a flush made durable is confirmed, whatever keepalives say', async () => {
    const { recorder, stream, confirmed } = createRig();
    stream.receive(transaction(10, [1], [people]));
    stream.receive(keepalive(50n, true));
    assert.deepEqual(confirmed, [0n]);
    const durable = await recorder.flush();
    stream.flushed(durable.recordedLsn);
    assert.deepEqual(confirmed, [0n, 50n]);
    stream.receive(Buffer.concat([begin(60n, 2), insert(7, ['2']), keepalive(70n, true)]));
    assert.deepEqual(confirmed, [0n, 50n, 50n], 'never beyond a transaction in flight');
  });

  test('rows that are moved without all of their values are noted in the copy of their table, in front of their commit', async () => {
    const copy = { schemaName: 'public', tableName: 'people', lastKey: ['5'], rowCount: 5 };
    const counts: number[] = [];
    class NotingRecorder extends MemoryRecorder {
      override recordCopyProgress(progress: CopyProgress): void {
        counts.push(Number(this.lastAppended));
        super.recordCopyProgress(progress);
      }
    }
    const recorder = new NotingRecorder();
    recorder.recordCopyProgress(copy);
    const { stream } = createRig(recorder);
    const columns = [{ name: 'name' }, { name: 'id', isKey: true }, { name: 'big' }];
    const moved = (id: string, newId: string, big: string | undefined): Buffer =>
      update(7, [null, id, null], ['a', newId, big]);
    const rows = [moved('6', '1', undefined), moved('7', '2', 'sent'), update(7, undefined, ['a', '8', undefined])];
    stream.receive(Buffer.concat([begin(10n, 1), relation(7, 'people', columns), ...rows, commit(10n, 15n)]));
    stream.receive(Buffer.concat([begin(20n, 2), moved('9', '3', undefined), commit(20n, 25n)]));
    assert.deepEqual(recorder.appendedCopies, [{ ...copy, movedKeys: [['1'], ['3']] }]);
    assert.deepEqual(counts, [0, 0, 1], 'each before its transaction was appended');
    await recorder.flush();
    // Again, by a connection that sends what is recorded already.
    const again = createRig(recorder);
    again.stream.receive(
      Buffer.concat([begin(20n, 2), relation(7, 'people', columns), moved('9', '4', undefined), commit(20n, 25n)]),
    );
    assert.deepEqual(recorder.appendedCopies, [{ ...copy, movedKeys: [['1'], ['3']] }]);
  });

  test('impossible orders, unknown kinds and impossible lengths end the stream by their codes', () => {
    const cases = [
      ['HW-CAPTURE-009', insert(7, ['1'])],
      ['HW-CAPTURE-009', commit(10n, 15n)],
      ['HW-CAPTURE-009', Buffer.concat([begin(10n, 1), begin(20n, 2)])],
      ['HW-CAPTURE-009', Buffer.concat([begin(10n, 1), commit(11n, 15n)])],
      ['HW-CAPTURE-001', Buffer.from('d\0\0\0\x02')],
      ['HW-CAPTURE-007', Buffer.from([0x64, 0x7f, 0xff, 0xff, 0xff])],
    ] as const;
    for (const [code, bytes] of cases) {
      assert.throws(() => createRig().stream.receive(bytes), { code });
    }
    const unknown = Buffer.from(insert(7, ['1']));
    unknown[30] = 0x5a;
    assert.throws(() => createRig().stream.receive(Buffer.concat([begin(10n, 1), unknown])), {
      code: 'HW-CAPTURE-003',
    });
  });
});

function bodies(contents: MemoryContents): readonly Buffer[] {
  return contents.transactions.map(({ body }) => Buffer.from(body));
}
