#!/usr/bin/env node
import { HeadwaterError } from '../foundation/error.ts';
import { productVersion } from '../foundation/product-version.ts';
import { formatCommandHelp, formatOverview, parseCommandInput } from './command.ts';
import { keepCompiledCode } from './compile-cache.ts';
import { endProcess } from './end-of-process.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** Runs the command that the words name. Resolves with the exit code; never throws. */
async function main(words: readonly string[]): Promise<number> {
  const terminal = createTerminal({ color: words.includes('--no-color') ? false : undefined });
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new HeadwaterError('HW-INTERNAL-003', 'interrupted'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await dispatch(words, terminal, interruption.signal);
  } catch (thrown) {
    if (interruption.signal.aborted) return 130;
    return reportFailure(HeadwaterError.from(thrown), terminal, words.includes('--json'));
  }
}

async function dispatch(words: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  keepCompiledCode();
  const { commands } = await import('./commands.ts');
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.out(formatOverview(commands, productVersion));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    terminal.out(productVersion);
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw new HeadwaterError('HW-SERVICE-004', `there is no command "${name}"`, { hint: 'Read `headwater --help`.' });
  }
  const input = parseCommandInput(command, rest, { terminal, signal });
  if (input.flag('help')) {
    terminal.out(formatCommandHelp(command));
    return 0;
  }
  return command.run(input);
}

function reportFailure(error: HeadwaterError, terminal: Terminal, json: boolean): number {
  if (json) {
    terminal.note(JSON.stringify({ version: 1, error }));
  } else {
    terminal.note(`${terminal.style.red(error.code)} ${error.message}`);
    terminal.note(`  fix: ${error.hint}`);
    terminal.note(terminal.style.dim(`  more: headwater explain ${error.code}`));
  }
  return error.exitCode;
}

endProcess(await main(process.argv.slice(2)), (line) => process.stderr.write(`${line}\n`));
