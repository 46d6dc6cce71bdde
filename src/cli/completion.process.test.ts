import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { sharedOptions } from './command.ts';
import { commands } from './commands.ts';
import { formatCompletion, type Shell, shells } from './completion.ts';

const scratch = mkdtempSync(join(tmpdir(), 'completion-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** What bash offers behind these words, the last of which is being typed. */
function completeInBash(...words: readonly string[]): readonly string[] {
  const script = `${formatCompletion('bash', commands)}
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
    COMP_CWORD=${words.length - 1}
    _headwater
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stderr, stdout } = spawnSync('bash', ['-uc', script], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  assert.equal(status, 0, stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}

function has(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0;
}

describe('headwater completion', () => {
  it('completes commands, their words, options and files in bash', { skip: !has('bash') && 'bash is missing' }, () => {
    assert.deepEqual(
      completeInBash('headwater', ''),
      ['--help', '--version', ...commands.map(({ name }) => name)].toSorted(),
    );
    assert.deepEqual(completeInBash('headwater', 'sta'), ['status']);
    assert.deepEqual(completeInBash('headwater', 'journal', 'v'), ['verify']);
    assert.deepEqual(completeInBash('headwater', 'tail', '--s'), ['--since']);
    assert.deepEqual(completeInBash('headwater', 'run', '--config', 'completion.t'), ['completion.ts']);
    assert.deepEqual(completeInBash('headwater', 'run', '-c', 'command.t'), ['command.test.ts', 'command.ts']);
    assert.deepEqual(completeInBash('headwater', 'dev', '--directory', 'comm'), ['commands'], 'directories only');
    assert.deepEqual(completeInBash('headwater', 'tail', '--limit', ''), [], 'a number is not guessed');
    assert.deepEqual(completeInBash('headwater', 'nonsense', '--'), []);
  });

  it('every command offers every option that it parses', { skip: !has('bash') && 'bash is missing' }, () => {
    for (const { name, options } of commands) {
      const offered = new Set(completeInBash('headwater', name, '--'));
      for (const option of Object.keys({ ...options, ...sharedOptions })) assert.ok(offered.has(`--${option}`), option);
    }
  });

  for (const shell of shells) {
    it(`writes a script that ${shell} reads`, { skip: !has(shell) && `${shell} is missing` }, () => {
      const file = join(scratch, `completion.${shell}`);
      writeFileSync(file, formatCompletion(shell, commands));
      const words = [shell === 'fish' ? '--no-execute' : '-n', file];
      const { status, stderr } = spawnSync(shell, words, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.equal(stderr, '');
    });
  }

  it('puts every command and option into each script, with quotes closed', () => {
    for (const shell of shells satisfies readonly Shell[]) {
      const script = formatCompletion(shell, commands);
      for (const { name, options } of commands) {
        assert.ok(script.includes(name), `${shell}: ${name}`);
        for (const option of Object.keys(options)) {
          assert.ok(
            script.includes(shell === 'fish' ? `-l ${option}` : `--${option}`),
            `${shell}: ${name} --${option}`,
          );
        }
      }
    }
  });
});
