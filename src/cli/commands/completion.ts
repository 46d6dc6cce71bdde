import { HeadwaterError } from '../../foundation/error.ts';
import type { Command } from '../command.ts';
import { formatCompletion, shells } from '../completion.ts';

/** `headwater completion`, for the given list of commands; it is asked for when the command runs. */
export function createCompletionCommand(listCommands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'print the completion script of a shell',
    wordCountMax: 1,
    words: shells,
    usage: shells.join(' | '),
    description:
      'Prints a script that completes commands, their words, options and files. It is made from the same definitions as --help.\n' +
      'bash: `eval "$(headwater completion bash)"` in ~/.bashrc. zsh: the same with zsh in ~/.zshrc, after compinit.\n' +
      'fish: `headwater completion fish | source` in ~/.config/fish/config.fish.',
    options: {},
    examples: ['eval "$(headwater completion bash)"', 'headwater completion fish | source'],
    run({ json, positionals, terminal }) {
      const shell = shells.find((candidate) => candidate === positionals[0]);
      if (shell === undefined) {
        throw new HeadwaterError('HW-SERVICE-004', `say for which shell: ${shells.join(', ')}`);
      }
      const script = formatCompletion(shell, listCommands());
      terminal.out(json ? JSON.stringify({ version: 1, shell, script }) : script);
      return Promise.resolve(0);
    },
  };
}
