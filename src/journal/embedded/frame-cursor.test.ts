import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { DiskFile } from '../../foundation/disk.ts';
import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { FrameCursor } from './frame-cursor.ts';
import { encodeFrame } from './frame-encoding.ts';
import { Frame, frameKind } from './frame.ts';

const seed = 4711;
const loadByteCount = 1000;

interface Written {
  readonly file: DiskFile;
  readonly ends: readonly number[];
}

/** Frames of many lengths, some longer than what is loaded at once. */
async function writeFrames(): Promise<Written> {
  const random = createSeededRandom(7);
  const file = await new MeanDisk({ random }).create('/frames');
  const ends: number[] = [];
  let offset = 0;
  for (let number = 0; number < 300; number += 1) {
    const body = new Uint8Array(Math.floor(random.next() ** 4 * 3000)).fill(number);
    const fields = { kind: frameKind.fragment, encoding: 0, xid: number, durableEnd: offset, body };
    const { bytes } = encodeFrame(seed, offset, fields);
    await file.write([bytes], offset);
    offset += bytes.length;
    ends.push(offset);
  }
  return { file, ends };
}

async function readAll(cursor: FrameCursor): Promise<{ readonly ends: readonly number[]; readonly last: string }> {
  const ends: number[] = [];
  for (;;) {
    const step = cursor.next();
    if (step.kind === 'more') await cursor.load(step.byteCount);
    else if (step instanceof Frame) {
      const { xid, body, offset, end, durableEnd } = step;
      assert.ok(body.every((byte) => byte === xid % 256));
      assert.equal(body.length, end - offset - 24);
      assert.equal(durableEnd, offset);
      ends.push(end);
    } else return { ends, last: step.kind };
  }
}

describe('a frame cursor', () => {
  for (const readsAhead of [false, true]) {
    const options = { seed, position: 0, loadByteCount, readsAhead };
    const behaviour = readsAhead ? 'reads ahead' : 'reads when it is asked to';

    it(`takes every frame once, in order, also when its limit grows, when it ${behaviour}`, async () => {
      const { file, ends } = await writeFrames();
      const cursor = new FrameCursor({ ...options, file, limit: ends[100] ?? 0 });
      const first = await readAll(cursor);
      cursor.extendTo(ends.at(-1) ?? 0);
      const second = await readAll(cursor);
      assert.deepEqual([...first.ends, ...second.ends], ends);
      assert.equal(second.last, 'end');
    });

    it(`stops at the first bad byte, and at the end of a cut file, when it ${behaviour}`, async () => {
      const { file, ends } = await writeFrames();
      const end = ends[200] ?? 0;
      await file.write([new Uint8Array([1, 2, 3])], end + 4);
      const bad = new FrameCursor({ ...options, file, limit: ends.at(-1) ?? 0 });
      assert.deepEqual(await readAll(bad), { ends: ends.slice(0, 201), last: 'bad' });
      assert.equal(bad.position, end);
      await bad.settle();
      await file.truncate(end - 1);
      const cut = new FrameCursor({ ...options, file, limit: ends.at(-1) ?? 0 });
      assert.deepEqual(await readAll(cut), { ends: ends.slice(0, 200), last: 'bad' });
    });
  }

  it('names the first damaged frame among many, whichever byte of it was changed, and gives all before it', async () => {
    const { file, ends } = await writeFrames();
    const random = createSeededRandom(11);
    const limit = ends.at(-1) ?? 0;
    for (let round = 0; round < 300; round += 1) {
      const at = Math.floor(random.next() * limit);
      const damaged = ends.findIndex((end) => end > at);
      const byte = new Uint8Array(1);
      await file.read(byte, at);
      const changed = (byte[0] ?? 0) ^ (1 + Math.floor(random.next() * 255));
      await file.write([new Uint8Array([changed])], at);
      const cursor = new FrameCursor({ file, seed, position: 0, limit, readsAhead: true });
      assert.deepEqual(
        await readAll(cursor),
        { ends: ends.slice(0, damaged), last: 'bad' },
        `byte ${at} is ${changed}`,
      );
      assert.equal(cursor.position, ends[damaged - 1] ?? 0);
      await file.write([byte], at);
    }
  });

  it('checks again what it reads once more, and what begins elsewhere', async () => {
    const file = await new MeanDisk({ random: createSeededRandom(7) }).create('/frames');
    const bad = { kind: 'bad', reason: "a frame's checksum does not hold" };
    const length = 124;
    for (const number of [0, 1, 2]) {
      const fields = { kind: frameKind.fragment, encoding: 0, xid: 1, durableEnd: 0, body: new Uint8Array(100) };
      await file.write([encodeFrame(seed, number * length, fields).bytes], number * length);
    }
    const cursor = new FrameCursor({ file, seed, position: 0, limit: 3 * length });
    await cursor.load(3 * length);
    assert.ok(cursor.next() instanceof Frame);
    cursor.seek(50);
    assert.deepEqual(cursor.next(), bad);
    cursor.seek(length);
    assert.ok(cursor.next() instanceof Frame);
    await file.write([new Uint8Array([1])], 3 * length - 1);
    await cursor.load(length);
    assert.deepEqual(cursor.next(), bad);
  });

  it('reads into the room it is lent once, and never where that is too small', async () => {
    const { file, ends } = await writeFrames();
    const limit = ends.at(-1) ?? 0;
    for (const roomByteCount of [10, loadByteCount, 2 * loadByteCount]) {
      const room = new Uint8Array(roomByteCount);
      const cursor = new FrameCursor({ file, seed, position: 0, limit, loadByteCount, readsAhead: true, room });
      await cursor.load(1);
      const first = cursor.next();
      assert.ok(first instanceof Frame);
      assert.equal(first.view.buffer === room.buffer, roomByteCount >= loadByteCount);
      const content = Buffer.from(room);
      const { ends: rest } = await readAll(cursor);
      assert.deepEqual([first.end, ...rest], ends);
      assert.ok(content.equals(room));
    }
  });

  it('does not read a window twice that it read ahead, and reads nothing once it has settled', async () => {
    const { file, ends } = await writeFrames();
    let byteCount = 0;
    let underway = 0;
    const counting: DiskFile = {
      ...file,
      async read(target, offset) {
        underway += 1;
        try {
          const count = await file.read(target, offset);
          byteCount += count;
          return count;
        } finally {
          underway -= 1;
        }
      },
    };
    const limit = ends.at(-1) ?? 0;
    const plain = new FrameCursor({ file: counting, seed, position: 0, limit, loadByteCount });
    await readAll(plain);
    const plainByteCount = byteCount;
    byteCount = 0;
    const ahead = new FrameCursor({ file: counting, seed, position: 0, limit, loadByteCount, readsAhead: true });
    await readAll(ahead);
    assert.equal(byteCount, plainByteCount);
    const stopped = new FrameCursor({ file: counting, seed, position: 0, limit, loadByteCount, readsAhead: true });
    for (let loads = 0; loads < 2;) {
      const step = stopped.next();
      if (step.kind !== 'more') continue;
      await stopped.load(step.byteCount);
      loads += 1;
    }
    assert.equal(underway, 1);
    await stopped.settle();
    assert.equal(underway, 0);
  });
});
