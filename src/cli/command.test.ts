import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type Command, type CommandInput, parseCommandInput } from './command.ts';
import { commands } from './commands.ts';
import { createTerminal } from './terminal.ts';

const context = { terminal: createTerminal({ color: false }), signal: new AbortController().signal };

function parse(command: Command, ...words: readonly string[]): CommandInput {
  return parseCommandInput(command, words, context);
}

describe('the words behind a command', () => {
  for (const command of commands) {
    const allowed = Array.from({ length: command.wordCountMax ?? 0 }, () => 'verify');
    it(`are refused as misuse when there are too many: ${command.name}`, () => {
      assert.deepEqual(parse(command, ...allowed).positionals, allowed);
      assert.throws(() => parse(command, ...allowed, 'extra', '--json'), {
        code: 'HW-SERVICE-004',
        exitCode: 2,
        message: new RegExp(`headwater ${command.name} .*"extra"`),
      });
    });
  }
});
