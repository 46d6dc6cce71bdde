import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { killProcessTree } from './guarded-process.ts';
import { readProcessIdentity } from './process-identity.ts';

const turns = 20;

const skip = process.platform === 'linux' ? false : 'it reads /proc';

test('a process that starts others all the time leaves none behind when its tree is killed', { skip }, async () => {
  for (let turn = 0; turn < turns; turn += 1) {
    // What it starts can be told by its argument, and ends by itself should it be left.
    const seconds = `60.${process.pid}${turn}`;
    const script = `echo begun; while sleep ${seconds} & do :; done`;
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(parent.stdout, 'data');
    const identity = await readProcessIdentity(parent.pid ?? 0);
    assert.ok(identity !== undefined, 'it runs');
    await killProcessTree(identity);
    assert.deepEqual(await findByArgument(seconds), [], `left behind in turn ${turn}`);
  }
});

async function findByArgument(argument: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => commands[index]?.includes(argument) === true);
}
