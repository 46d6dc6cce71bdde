import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toFileError } from './file-error.ts';
import { formatFileName, parseFileName } from './file-name.ts';
import { type FileSinkOptions, resolveFileOptions } from './file-options.ts';
import { fileSink } from './file-sink.ts';
import { isRollDue, type OpenFileState, rollDelayMs } from './plan-roll.ts';

describe('the decisions of the file sink', () => {
  test('a file is finished by size or age, with lines, at the end of a transaction unless that is larger than two files', () => {
    const file: OpenFileState = { byteCount: 10, hasLines: true, firstLineAt: 1_000, endsTransaction: true };
    const limits = { rollBytes: 100, rollAgeMs: 500 };
    const rows: readonly [Partial<OpenFileState>, number, boolean][] = [
      [{}, 1_499, false],
      [{}, 1_500, true],
      [{}, 0, false],
      [{ byteCount: 99 }, 1_000, false],
      [{ byteCount: 100 }, 1_000, true],
      [{ byteCount: 199, endsTransaction: false }, 9_000, false],
      [{ byteCount: 200, endsTransaction: false }, 1_000, true],
      [{ byteCount: 900, hasLines: false, firstLineAt: undefined }, 9_000, false],
    ];
    for (const [state, now, isDue] of rows)
      assert.equal(isRollDue({ ...file, ...state }, limits, now), isDue, JSON.stringify([state, now]));
    assert.equal(rollDelayMs(file, limits, 1_200), 300);
    assert.equal(rollDelayMs(file, limits, 9_000), 0);
    assert.equal(rollDelayMs(file, limits, 0), 500);
    assert.equal(rollDelayMs({ ...file, hasLines: false }, limits, 0), undefined);
    assert.equal(rollDelayMs({ ...file, endsTransaction: false }, limits, 9_000), undefined);
  });

  test('the name of a file says its number, its compression and whether it is finished, and no other name does', () => {
    for (const stage of ['new', 'open', 'finished'] as const)
      for (const compression of ['none', 'gzip'] as const) {
        const name = { number: 12, compression, stage };
        assert.deepEqual(parseFileName('a.b', formatFileName('a.b', name)), name);
      }
    assert.equal(
      formatFileName('orders', { number: 7, compression: 'gzip', stage: 'finished' }),
      'orders-000000000007.ndjson.gz',
    );
    for (const text of [
      'orders-7.ndjson',
      'orders-000000000007.ndjson.tmp',
      'x-orders-000000000007.ndjson',
      'orders.lock',
    ])
      assert.equal(parseFileName('orders', text), undefined, text);
  });

  test('each failure of the file system has its code', () => {
    const rows = { ENOENT: 2, ENOTDIR: 2, EACCES: 3, EPERM: 3, EROFS: 3, ENOSPC: 4, EDQUOT: 4, EIO: 5 };
    for (const [code, number] of Object.entries(rows))
      assert.equal(toFileError(Object.assign(new Error(code), { code }), '/out').code, `HW-FILE-00${number}`);
    assert.equal(toFileError(new Error('no code'), '/out').code, 'HW-FILE-005');
  });

  test('an option that is not valid is refused by name', () => {
    const rows: readonly [string, object][] = [
      ['directory', { directory: undefined }],
      ['directory', { directory: '' }],
      ['name', { name: 'a/b' }],
      ['name', { name: '.hidden' }],
      ['rollBytes', { rollBytes: 0 }],
      ['rollBytes', { rollBytes: 600 * 1024 * 1024 }],
      ['rollAgeMs', { rollAgeMs: 1.5 }],
      ['compression', { compression: 'zstd' }],
    ];
    for (const [option, wrong] of rows) {
      const options = { directory: '/out', ...wrong } as FileSinkOptions;
      assert.throws(
        () => fileSink(options),
        (error: { code?: string; message?: string }) => {
          assert.equal(error.code, 'HW-FILE-001');
          assert.match(String(error.message), new RegExp(`option ${option} `));
          return true;
        },
      );
    }
    const { directory, ...rest } = resolveFileOptions({ directory: 'out' });
    assert.ok(directory.startsWith('/'));
    assert.deepEqual(rest, { name: undefined, rollBytes: 67_108_864, rollAgeMs: 3_600_000, compression: 'none' });
  });
});
