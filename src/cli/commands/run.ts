import { systemClock } from '../../foundation/clock.ts';
import { configOptions, type Command } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import { createTerminalLogger } from '../log-lines.ts';
import { startUnlessInterrupted, waitForEnd } from '../service-run.ts';

/** `headwater run`. */
export const runCommand: Command = {
  name: 'run',
  summary: 'capture the source and deliver to every sink until stopped',
  usage: '[options]',
  description:
    'Runs Headwater in the foreground: journal, capture, one lane for each sink, HTTP. Logs go to stderr. SIGINT and SIGTERM\n' +
    'stop it cleanly (exit code 0); a second one ends it at once. Killing it at any moment loses nothing: the next start goes\n' +
    'on from the journal. Ends by itself only when capture cannot go on, with the code of the error.',
  options: {
    ...configOptions,
    drain: { type: 'boolean', description: 'Deliver what is in the journal, then end. For jobs and tests.' },
    'log-json': { type: 'boolean', description: 'Logs as JSON lines, also on a terminal.' },
  },
  examples: ['headwater run', 'headwater run --config shop.config.ts --log-json'],
  async run(input) {
    const { terminal } = input;
    const config = await loadConfig(input.text('config'), terminal.environment);
    const form = input.json || input.flag('log-json') || !process.stderr.isTTY ? 'json' : 'text';
    const logger = config.logger ?? createTerminalLogger(terminal, form, () => new Date(systemClock.now()));
    await using headwater = await startUnlessInterrupted({ ...config, logger }, input.signal);
    if (headwater === undefined) return 0;
    if (input.json) terminal.out(JSON.stringify({ version: 1, event: 'started', http: headwater.httpUrl ?? null }));
    if (input.flag('drain')) {
      await headwater.drain(input.signal);
      return 0;
    }
    return await waitForEnd(headwater, input);
  },
};
