import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { StandbyOptions } from '../../service/standby.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
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
    'on from the journal. Ends by itself only when capture cannot go on, with the code of the error.\n' +
    'With --standby, a second process on the same host waits while the first one runs, and takes over within seconds when that\n' +
    'one ends: by SIGTERM for a rolling restart, or by a kill. Both may have the option; whoever comes first runs.',
  options: {
    ...configOptions,
    drain: {
      type: 'boolean',
      description: 'Deliver everything that is committed by now, then end. For jobs and tests.',
    },
    standby: { type: 'boolean', description: 'While another process holds the journal: wait, then take over.' },
    'standby-port': {
      type: 'string',
      placeholder: 'N',
      description: 'Where to answer /livez, /readyz and /status while standing by. Default: nowhere.',
    },
    'log-json': { type: 'boolean', description: 'Logs as JSON lines, also on a terminal.' },
  },
  examples: [
    'headwater run',
    'headwater run --config shop.config.ts --log-json',
    'headwater run --drain && echo delivered',
    'headwater run --standby --standby-port 7071',
  ],
  async run(input) {
    const { terminal } = input;
    const config = await loadConfig(input.text('config'), terminal.environment);
    const form = input.json || input.flag('log-json') || !process.stderr.isTTY ? 'json' : 'text';
    const logger = config.logger ?? createTerminalLogger(terminal, form, () => new Date(systemClock.now()));
    const standby = readStandby(input);
    await using headwater = await startUnlessInterrupted({ ...config, logger }, { signal: input.signal, standby });
    if (headwater === undefined) return 0;
    if (input.json) {
      const { httpUrl, takeover } = headwater;
      terminal.out(JSON.stringify({ version: 1, event: 'started', http: httpUrl ?? null, takeover: takeover ?? null }));
    }
    if (input.flag('drain')) {
      await headwater.catchUp(input.signal);
      return 0;
    }
    return await waitForEnd(headwater, input);
  },
};

/** @throws HW-SERVICE-004 for a port without --standby */
function readStandby(input: CommandInput): StandbyOptions | undefined {
  const httpPort = input.number('standby-port');
  if (!input.flag('standby')) {
    if (httpPort === undefined) return undefined;
    throw new HeadwaterError(
      'HW-SERVICE-004',
      '--standby-port says where to answer while standing by: say --standby too',
    );
  }
  return {
    httpPort,
    onWaiting: (owner, http) => {
      if (input.json) input.terminal.out(JSON.stringify({ version: 1, event: 'standby', http: http ?? null, owner }));
    },
  };
}
