import { describeOwner, type StandbyReport } from '../../service/standby-report.ts';
import { hasProblem, type StatusReport } from '../../service/status-report.ts';
import { configOptions, type Command } from '../command.ts';
import { formatStatus } from '../format-status.ts';
import { askService, clientOptions } from '../service-client.ts';

/** `headwater status`. */
export const statusCommand: Command = {
  name: 'status',
  summary: 'what the running Headwater does: source, journal, lanes, lag, problems',
  usage: '[options]',
  description:
    'Asks the running Headwater for its status. Exit code 0: nothing has failed. 3: the source or a lane has, or tries again\n' +
    'what failed, and the first lines say what and how to mend it. 6: nobody answers. It names the process that holds the\n' +
    'journal; so does one that stands by, asked at its --standby-port.',
  options: { ...configOptions, ...clientOptions },
  examples: ['headwater status', 'headwater status --json | jq .lanes', 'headwater status --url http://127.0.0.1:7070'],
  async run(input) {
    const { body } = await askService(input, '/status');
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's answer, version 1.
    const report = body as StatusReport | StandbyReport;
    if (report.state === 'standby') {
      const text = `standby: ${describeOwner(report.owner)} holds the journal`;
      input.terminal.out(input.json ? JSON.stringify(report) : text);
      return 0;
    }
    input.terminal.out(input.json ? JSON.stringify(report) : formatStatus(report, input.terminal.style));
    return hasProblem(report) ? 3 : 0;
  },
};
