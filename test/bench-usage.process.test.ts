import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';

interface End {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...words: readonly string[]): Promise<End> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bench/run.ts', ...words], (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('npm run bench', () => {
  test('prints its usage on request', async () => {
    const { exitCode, stdout, stderr } = await bench('--help');
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.match(stdout, /Usage: npm run bench -- NAME[\s\S]*latency/);
  });

  for (const words of [['latency', '--colour'], ['nothing']]) {
    test(`refuses what it does not know, without running anything: ${words.join(' ')}`, async () => {
      const { exitCode, stdout, stderr } = await bench(...words);
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(stderr, /^[^\n]+\n\nUsage: npm run bench/);
      assert.doesNotMatch(stderr, /at .*:\d+:\d+/);
    });
  }
});
