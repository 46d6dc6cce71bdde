import { inspectConfiguredJournal } from '../../service/inspect-configured-journal.ts';
import { inspectConfiguredSource } from '../../service/inspect-configured-source.ts';
import { configOptions, type Command } from '../command.ts';
import { formatChecks, plainCheck } from '../format-checks.ts';
import { loadConfig } from '../load-config.ts';

/** `headwater doctor`. */
export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check the source database and the journal, and say how to mend what is wrong',
  usage: '[options]',
  description:
    'Looks at the configured PostgreSQL: connection, rights, settings, publication, replica identities, slot, canary; and at\n' +
    'the journal: directory, rights, space, holder, headers of the segments. Changes nothing. Each check has an id, a result, the reason and the exact fix. Exit code 0: nothing failed. 3: something did.',
  options: { ...configOptions, strict: { type: 'boolean', description: 'Count warnings as problems too.' } },
  examples: ['headwater doctor', 'headwater doctor --json', 'headwater doctor --config prod.config.ts --strict'],
  async run(input) {
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    input.terminal.progress('looking at the source and the journal …');
    const checks = [
      ...(await inspectConfiguredSource(config, input.signal)),
      ...(await inspectConfiguredJournal(config)),
    ];
    const { terminal } = input;
    if (input.json) terminal.out(JSON.stringify({ version: 1, checks: checks.map(plainCheck) }));
    else for (const line of formatChecks(checks, terminal.style)) terminal.out(line);
    const bad = input.flag('strict') ? ['failed', 'warning'] : ['failed'];
    return checks.some((check) => bad.includes(check.result)) ? 3 : 0;
  },
};
