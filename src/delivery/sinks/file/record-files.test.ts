import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { createSeededRandom } from '../../../foundation/random.ts';
import { type DiskCall, type DiskFault, MeanDisk } from '../../../foundation/testing/mean-disk.ts';
import { toSequence } from '../../../model/position.ts';
import { type Checkpoint, checkpointBehind } from '../../checkpoint.ts';
import type { FileCompression } from './file-options.ts';
import { type FilesPlace, RecordFiles } from './record-files.ts';
import { readLines } from './testing/read-lines.ts';

const at = (sequence: number): Checkpoint => checkpointBehind('journal', toSequence(BigInt(sequence)));
const lineOf = (sequence: number): string => `{"op":"insert","n":${sequence},"padding":"${'x'.repeat(200)}"}\n`;
const batchCount = 9;
const rollsBehind = [3, 6];

function placeOf(disk: MeanDisk, compression: FileCompression, laneName = 'files'): FilesPlace {
  return { disk, clock: systemClock, directory: '/out', name: 'files', compression, installation: 'shop', laneName };
}

/** Delivers from where the files are to the end, as a lane does. */
async function deliver(place: FilesPlace, onHeld: (sequence: number) => void = () => undefined): Promise<void> {
  const files = await RecordFiles.recover(place);
  for (let next = Number(files.held?.sequence ?? 0n) + 1; next <= batchCount; next += 1) {
    await files.append(Buffer.from(lineOf(next)), at(next - 1), at(next));
    onHeld(next);
    if (rollsBehind.includes(next)) await files.finish();
  }
  await files.close();
}

function numbersOf(disk: MeanDisk, stage: 'finished' | 'all'): readonly unknown[] {
  return disk.paths
    .filter((path) => /\.ndjson(?:\.gz)?$/.test(path) || (stage === 'all' && path.endsWith('.open')))
    .flatMap((path) => readLines(path, disk.content(path)).map(({ n }) => n));
}

const allNumbers = Array.from({ length: batchCount }, (_, index) => index + 1);

function assertPrefix(numbers: readonly unknown[], context: string): void {
  assert.deepEqual(numbers, allNumbers.slice(0, numbers.length), context);
}

async function countSteps(compression: FileCompression): Promise<number> {
  const disk = new MeanDisk({ random: createSeededRandom(1) });
  await deliver(placeOf(disk, compression));
  assert.deepEqual(numbersOf(disk, 'all'), allNumbers);
  return disk.callNumber;
}

const faultAt =
  (number: number, fault: DiskFault) =>
  (call: DiskCall): DiskFault =>
    call.number === number ? fault : { kind: 'none' };

for (const compression of ['none', 'gzip'] as const) {
  describe(`the files of a lane, compression ${compression}`, () => {
    for (const after of ['a kill', 'a power cut'] as const) {
      test(`hold each line once after ${after} at any step, and finished files hold whole batches only`, async () => {
        const seed = Date.now() % 1_000_000;
        const stepCount = await countSteps(compression);
        assert.ok(stepCount > 30, 'the crashes have something to fall into');
        for (let step = 1; step <= stepCount; step += 1) {
          for (const when of ['before', 'during', 'after'] as const) {
            const context = `${when} step ${step}, seed ${seed}`;
            let held = 0;
            const disk = new MeanDisk({
              random: createSeededRandom(seed + step),
              fault: faultAt(step, { kind: 'crash', when }),
            });
            const delivered = deliver(placeOf(disk, compression), (sequence) => {
              held = sequence;
            });
            await Promise.race([disk.crashed, delivered]);
            const calm = { fault: (): DiskFault => ({ kind: 'none' }) };
            const left = after === 'a kill' ? disk.afterKill(calm) : disk.afterPowerCut(calm);
            assertPrefix(numbersOf(left, 'finished'), `finished files, ${context}`);
            const files = await RecordFiles.recover(placeOf(left, compression));
            assert.ok(Number(files.held?.sequence ?? 0n) >= held, `what was acknowledged is there, ${context}`);
            await files.close();
            await deliver(placeOf(left, compression));
            assert.deepEqual(numbersOf(left, 'all'), allNumbers, context);
          }
        }
      });
    }

    test('hold each line once after a failure at any step, also when the power is cut later', async () => {
      const seed = Date.now() % 1_000_000;
      const stepCount = await countSteps(compression);
      for (let step = 1; step <= stepCount; step += 1) {
        const context = `step ${step}, seed ${seed}`;
        const disk = new MeanDisk({
          random: createSeededRandom(seed + step),
          fault: faultAt(step, { kind: 'error', code: 'EIO' }),
        });
        await assert.rejects(deliver(placeOf(disk, compression)), { code: 'HW-FILE-005' }, context);
        await deliver(placeOf(disk, compression));
        assert.deepEqual(numbersOf(disk, 'all'), allNumbers, context);
        assert.deepEqual(numbersOf(disk.afterPowerCut(), 'all'), allNumbers, `after a power cut, ${context}`);
      }
    });

    test('wait for room on a full disk, and lose and double nothing', async () => {
      for (let capacity = 100; capacity <= 2_000; capacity += 100) {
        const disk = new MeanDisk({ random: createSeededRandom(capacity), capacityByteCount: capacity });
        await assert.rejects(deliver(placeOf(disk, compression)), { code: 'HW-FILE-004' }, `${capacity} bytes`);
        disk.setCapacity(1_000_000);
        await deliver(placeOf(disk, compression));
        assert.deepEqual(numbersOf(disk, 'all'), allNumbers, `${capacity} bytes`);
      }
    });
  });
}

describe('the open file of a lane', () => {
  test('keeps the position when readers have taken every finished file away', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    const files = await RecordFiles.recover(placeOf(disk, 'none'));
    await files.append(Buffer.from(lineOf(1)), at(0), at(1));
    await files.finish();
    await files.close();
    for (const path of disk.paths) if (path.endsWith('.ndjson')) disk.uproot(path);
    const again = await RecordFiles.recover(placeOf(disk, 'none'));
    assert.equal(again.held?.sequence, 1n);
    assert.deepEqual(disk.paths, ['/out/files-000000000002.ndjson.open']);
  });

  test('of another lane is refused and left as it is', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    await deliver(placeOf(disk, 'none'));
    const before = disk.paths.map((path) => [path, disk.content(path)]);
    await assert.rejects(RecordFiles.recover(placeOf(disk, 'none', 'other')), { code: 'HW-FILE-007' });
    assert.deepEqual(
      disk.paths.map((path) => [path, disk.content(path)]),
      before,
    );
  });

  test('that does not begin with a position is refused and left as it is', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    const path = '/out/files-000000000001.ndjson.open';
    disk.plant(path, Buffer.from(lineOf(1)));
    await assert.rejects(RecordFiles.recover(placeOf(disk, 'none')), { code: 'HW-FILE-008' });
    assert.equal(disk.content(path).toString(), lineOf(1));
  });

  test('is refused when a later one has lines of its own', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    await deliver(placeOf(disk, 'none'));
    const [open = ''] = disk.paths.filter((path) => path.endsWith('.open'));
    disk.plant(open.replace('003', '002'), disk.content(open));
    await assert.rejects(
      RecordFiles.recover(placeOf(disk, 'none')),
      (error: unknown) => error instanceof HeadwaterError && error.code === 'HW-FILE-008',
    );
  });

  test('begins behind finished files that are already there', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    disk.plant('/out/files-000000000041.ndjson.gz', Buffer.from(''));
    disk.plant('/out/files-none.ndjson', Buffer.from(''));
    const files = await RecordFiles.recover(placeOf(disk, 'none'));
    await files.append(Buffer.from(lineOf(1)), at(0), at(1));
    assert.ok(disk.paths.includes('/out/files-000000000042.ndjson.open'));
    await files.close();
  });
});
