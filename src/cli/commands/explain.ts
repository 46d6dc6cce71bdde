import { HeadwaterError } from '../../foundation/error.ts';
import { errorCodes, errorDefinition, isErrorCode, type ErrorCode } from '../../foundation/error-codes.ts';
import { compose } from '../../guarantees/compose.ts';
import { explain, formatStatement, statementIds } from '../../guarantees/explain.ts';
import { formatComposed } from '../../guarantees/format-composed.ts';
import { flowStepIds } from '../../guarantees/plan-flow.ts';
import type { Command, CommandInput } from '../command.ts';

/** `headwater explain`. */
export const explainCommand: Command = {
  name: 'explain',
  summary: 'print the guarantees of a sink, a mode or a whole flow, or the page of an error code',
  wordCountMax: 16,
  usage: '[SINK | MODE | CODE | PART PART …]',
  description:
    'Prints what a part of Headwater promises: which stronger guarantee it replaces, what remains at each boundary, what a\n' +
    'duplicate means, what stops it, and which test holds each claim. With several parts in the direction of a change: what the\n' +
    'flow promises as a whole, by the weakest link in each property; parts that lie between need not be named. With an error\n' +
    'code: what happened, why Headwater acts as it does, and the fix. Without a name: the list of names.',
  options: {},
  examples: [
    'headwater explain kafka',
    'headwater explain emit kafka inbox',
    'headwater explain emit kafka inbox plain-call',
    'headwater explain HW-JOURNAL-001 --json',
  ],
  async run(input) {
    const [name, ...further] = input.positionals;
    if (name === undefined) return listNames(input);
    if (further.length > 0) return printFlow(input);
    const code = name.toUpperCase();
    if (isErrorCode(code)) return printCode(input, code);
    const statement = explain(name);
    if (statement === undefined) {
      throw new HeadwaterError(
        'HW-SERVICE-005',
        `nothing is called "${name}"; there are: ${statementIds().join(', ')}`,
      );
    }
    input.terminal.out(input.json ? JSON.stringify(statement) : formatStatement(statement));
    return 0;
  },
};

function printFlow({ json, positionals, terminal }: CommandInput): number {
  const composed = compose(positionals);
  terminal.out(json ? JSON.stringify(composed) : formatComposed(composed));
  return 0;
}

function listNames(input: CommandInput): number {
  const codes = Object.keys(errorCodes);
  if (input.json) {
    input.terminal.out(JSON.stringify({ version: 1, statements: statementIds(), flowParts: flowStepIds(), codes }));
    return 0;
  }
  const { terminal } = input;
  const { style } = terminal;
  terminal.out(style.bold('Sinks, modes and parts'));
  for (const id of statementIds()) terminal.out(`  ${id.padEnd(18)}${explain(id)?.title ?? ''}`);
  terminal.out('');
  terminal.out(style.bold('Parts of flows'));
  terminal.out(`  ${flowStepIds().join(', ')}`);
  terminal.out('');
  terminal.out(style.bold('Error codes'));
  for (const code of codes) if (isErrorCode(code)) terminal.out(`  ${code.padEnd(18)}${errorDefinition(code).title}`);
  return 0;
}

function printCode(input: CommandInput, code: ErrorCode): number {
  const definition = errorDefinition(code);
  const { terminal } = input;
  const { style } = terminal;
  if (input.json) {
    terminal.out(JSON.stringify({ version: 1, code, ...definition }));
    return 0;
  }
  terminal.out(`${style.bold(code)}  ${definition.title}`);
  terminal.out('');
  terminal.out(`why   ${definition.why}`);
  terminal.out(`fix   ${definition.fix}`);
  terminal.out(
    `then  ${definition.policy === 'retry' ? 'tried again with growing delays' : 'stops until someone acts'}; exit code ${definition.exitCode}`,
  );
  return 0;
}
