import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createSeededRandom } from '../../../foundation/random.ts';
import { toSequence } from '../../../model/position.ts';
import { type Checkpoint, checkpointBehind } from '../../checkpoint.ts';
import type { FileCompression } from './file-options.ts';
import { encodeFrame, scanFrames } from './frame.ts';

const at = (sequence: number): Checkpoint => checkpointBehind('journal', toSequence(BigInt(sequence)));
const batches = ['', '{"op":"insert","n":1}\n{"op":"insert","n":2}\n', '', '{"op":"event","ünï":"😀"}\n'];

async function encodeAll(compression: FileCompression): Promise<readonly Uint8Array[]> {
  return await Promise.all(
    batches.map((lines, index) =>
      encodeFrame(compression, Buffer.from(lines), {
        installation: 'shop',
        lane: 'files',
        writtenAt: 1_800_000_000_000 + index,
        checkpoint: at(index),
      }),
    ),
  );
}

function isSameGzip(wrong: Buffer, content: Buffer): boolean {
  return gunzipSync(wrong).equals(gunzipSync(content));
}

for (const compression of ['none', 'gzip'] as const) {
  describe(`frames of a file, compression ${compression}`, () => {
    test('are read back whole, each with its position', async () => {
      const frames = await encodeAll(compression);
      const found = scanFrames(compression, Buffer.concat(frames));
      assert.deepEqual(
        found.map(({ checkpoint, lineBytes, writtenAt }) => ({ checkpoint, lineBytes, writtenAt })),
        batches.map((lines, index) => ({
          checkpoint: at(index),
          lineBytes: Buffer.byteLength(lines),
          writtenAt: 1_800_000_000_000 + index,
        })),
      );
      assert.equal(found.at(-1)?.end, Buffer.concat(frames).length);
    });

    test('of a file cut anywhere are those that are whole', async () => {
      const frames = await encodeAll(compression);
      const content = Buffer.concat(frames);
      const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length);
      for (let length = 0; length <= content.length; length += 1) {
        const whole = ends.filter((end) => end <= length).length;
        assert.equal(scanFrames(compression, content.subarray(0, length)).length, whole, `cut at ${length}`);
      }
    });

    test('with one wrong byte anywhere end in front of it', async () => {
      const seed = Date.now() % 1_000_000;
      const random = createSeededRandom(seed);
      const frames = await encodeAll(compression);
      const content = Buffer.concat(frames);
      const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length);
      for (let offset = 0; offset < content.length; offset += 1) {
        const wrong = Buffer.from(content);
        wrong[offset] = (content[offset] ?? 0) ^ (1 + Math.floor(random.next() * 255));
        const before = ends.filter((end) => end <= offset).length;
        const found = scanFrames(compression, wrong);
        // Gzip has bits that mean nothing: the operating system in a head, what fills the last byte of a stream.
        const isMeaningless = compression === 'gzip' && found.length === frames.length && isSameGzip(wrong, content);
        assert.ok(isMeaningless || found.length === before, `byte ${offset}: ${found.length}, seed ${seed}`);
      }
    });
  });
}

test('a compressed file is one gzip file for every reader', async () => {
  const content = Buffer.concat(await encodeAll('gzip'));
  const lines = gunzipSync(content).toString().split('\n');
  assert.equal(lines.filter((line) => !line.startsWith('{"op":"checkpoint"')).join('\n'), batches.join(''));
});

test('a whole position of a newer release is refused and never cut', async () => {
  const note = { installation: 'shop', lane: 'files', writtenAt: 0, checkpoint: at(1) };
  const { crc32 } = await import('node:zlib');
  const text = Buffer.from(await encodeFrame('none', Buffer.from(''), note)).toString();
  const body = text.slice(0, text.lastIndexOf(',"crc32"')).replace('"version":1', '"version":2');
  const line = `${body},"crc32":"${crc32(body).toString(16).padStart(8, '0')}"}\n`;
  assert.throws(() => scanFrames('none', Buffer.from(line)), { code: 'HW-LANE-007' });
});
