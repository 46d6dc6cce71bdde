import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { encodeFrame } from './frame-encoding.ts';
import { isRunValid } from './frame-run-checksum.ts';
import { frameKind } from './frame.ts';

/** Where a run of frames begins in its window and in its file; beyond 4 GiB the offset's high half counts too. */
const start = 7;
const offsets = [96, 0xffff_ff00, 0x3_0000_0060];
const bodyLengths = fc.array(fc.oneof(fc.nat(40), fc.nat(3000)), { minLength: 1, maxLength: 12 });

const noise = Uint8Array.from({ length: 4000 }, (_, at) => Math.imul(at, 0x9e37_79b1) >>> 24);

interface Run {
  readonly seed: number;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each frame in `bytes`. */
  readonly starts: readonly number[];
}

const runs = fc
  .record({ seed: fc.integer({ min: 0, max: 0xffff_ffff }), offset: fc.constantFrom(...offsets), bodyLengths })
  .map(({ seed, offset, bodyLengths: lengths }): Run => {
    const frames: Uint8Array[] = [new Uint8Array(start)];
    const starts: number[] = [];
    let end = start;
    for (const [index, length] of lengths.entries()) {
      const body = noise.subarray(index, index + length);
      const fields = { kind: frameKind.commit, encoding: 1, xid: index, durableEnd: offset, body };
      const { bytes } = encodeFrame(seed, offset + end - start, fields);
      frames.push(bytes);
      starts.push(end);
      end += bytes.length;
    }
    return { seed, offset, bytes: new Uint8Array(Buffer.concat(frames)), starts };
  });

function isValid({ seed, offset, bytes }: Run): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return isRunValid({ view, start, end: bytes.length, offset, seed });
}

/** Of a frame, all bytes but those of its length: with another length it is another run. */
function isLengthAt(run: Run, at: number): boolean {
  return run.starts.some((frame) => at >= frame + 4 && at < frame + 8);
}

describe('the checksum of a run of frames', () => {
  it('holds when that of every frame does, at any place of any file', () => {
    fc.assert(fc.property(runs, (run) => assert.ok(isValid(run))));
  });

  it('does not hold when any byte of any frame is another', () => {
    const damage = fc.record({
      run: runs,
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(damage, ({ run, at, mask }) => {
        const place = start + Math.floor(at * (run.bytes.length - start));
        fc.pre(!isLengthAt(run, place));
        run.bytes[place] = (run.bytes[place] ?? 0) ^ mask;
        assert.ok(!isValid(run));
      }),
      { numRuns: 500 },
    );
  });

  it('does not hold when several frames are damaged alike, and when the run lies elsewhere or in another file', () => {
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 255 }), (run, mask) => {
        assert.ok(!isValid({ ...run, offset: run.offset + 1 }));
        assert.ok(!isValid({ ...run, offset: run.offset + 0x1_0000_0000 }));
        assert.ok(!isValid({ ...run, seed: (run.seed ^ mask) >>> 0 }));
        for (const frame of run.starts) run.bytes[frame + 12] = (run.bytes[frame + 12] ?? 0) ^ mask;
        assert.ok(!isValid(run));
      }),
    );
  });

  it('does not hold when two frames of one length have changed places', () => {
    fc.assert(
      fc.property(runs, fc.nat(500), (run, length) => {
        const frames = [0, 1].map((number) => {
          const body = new Uint8Array(length).fill(number);
          const fields = { kind: frameKind.commit, encoding: 1, xid: number, durableEnd: 0, body };
          return encodeFrame(run.seed, run.offset + number * (24 + length), fields).bytes;
        });
        const laid = (order: readonly Uint8Array[]): Run => {
          const bytes = new Uint8Array(Buffer.concat([new Uint8Array(start), ...order]));
          return { ...run, bytes, starts: [] };
        };
        assert.ok(isValid(laid(frames)));
        assert.ok(!isValid(laid(frames.toReversed())));
      }),
    );
  });
});
