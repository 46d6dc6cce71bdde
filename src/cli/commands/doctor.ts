import type { SourceCheck } from '../../capture/source-check.ts';
import { inspectConfiguredJournal } from '../../service/inspect-configured-journal.ts';
import { inspectConfiguredSource } from '../../service/inspect-configured-source.ts';
import { configOptions, type Command } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import type { TextStyle } from '../terminal.ts';

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

function plainCheck({ id, result, why, fix }: SourceCheck): object {
  return { id, result, why, fix: fix ?? null };
}

function formatChecks(checks: readonly SourceCheck[], style: TextStyle): string[] {
  const width = Math.max(...checks.map((check) => check.id.length));
  const marks = { ok: style.green('ok  '), warning: style.yellow('warn'), failed: style.red('FAIL') };
  const lines = checks.flatMap(({ id, result, why, fix }) => [
    `${marks[result]} ${id.padEnd(width)}  ${why}`,
    ...(fix === undefined
      ? []
      : fix.split('\n').map((line) => `${' '.repeat(width + 7)}${style.cyan(`fix: ${line}`)}`)),
  ]);
  const count = (result: SourceCheck['result']): number => checks.filter((check) => check.result === result).length;
  return [...lines, '', `${count('ok')} ok, ${count('warning')} warnings, ${count('failed')} failed`];
}
