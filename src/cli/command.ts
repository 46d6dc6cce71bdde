import { parseArgs } from 'node:util';

import { HeadwaterError } from '../foundation/error.ts';
import type { Terminal } from './terminal.ts';

/** One option of a command, declared once: it parses, it is documented, it appears in `--help`. */
export interface OptionDefinition {
  readonly type: 'string' | 'boolean';
  readonly description: string;
  /** Shown in place of the value: FILE, N. */
  readonly placeholder?: string;
  readonly short?: string;
  readonly multiple?: boolean;
}

/** What a command is given: parsed options, the terminal, the signal that ends it. */
export interface CommandInput {
  readonly terminal: Terminal;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** A whole number. @throws HW-SERVICE-004 */
  number(name: string): number | undefined;
}

/** A verb of the `headwater` command. Resolves with the exit code. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands behind the name in the usage line: `<name> [options]`. */
  readonly usage: string;
  /** Paragraphs for `--help`. */
  readonly description: string;
  readonly options: Readonly<Record<string, OptionDefinition>>;
  /** How many words without dashes it takes at most. Default 0. */
  readonly wordCountMax?: number;
  /** The choices for its first word, for completion. Default: none that are known beforehand. */
  readonly words?: readonly string[];
  readonly examples: readonly string[];
  run(input: CommandInput): Promise<number>;
}

/** Options that every command has. */
export const sharedOptions: Readonly<Record<string, OptionDefinition>> = {
  json: { type: 'boolean', description: 'Write machine-readable JSON to stdout.' },
  help: { type: 'boolean', short: 'h', description: 'Show this help.' },
  'no-color': { type: 'boolean', description: 'No colours, also on a terminal.' },
};

/** Options of commands that read the configuration. */
export const configOptions: Readonly<Record<string, OptionDefinition>> = {
  config: {
    type: 'string',
    short: 'c',
    placeholder: 'FILE',
    description: 'Configuration file. Default: headwater.config.ts, .mts, .js or .mjs in this directory.',
  },
};

/** Parses the words behind the command's name. @throws HW-SERVICE-004 for what the command does not know, words too many included. */
export function parseCommandInput(
  command: Command,
  words: readonly string[],
  context: Pick<CommandInput, 'terminal' | 'signal'>,
): CommandInput {
  const { values, positionals } = parseWords(command, words);
  const [extra] = positionals.slice(command.wordCountMax ?? 0);
  if (extra !== undefined) {
    throw new HeadwaterError('HW-SERVICE-004', `headwater ${command.name} does not know what to do with "${extra}"`, {
      hint: `Read \`headwater ${command.name} --help\`.`,
    });
  }
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    ...context,
    json: values['json'] === true,
    positionals,
    text,
    texts: (name) => [values[name] ?? []].flat().filter((value) => typeof value === 'string'),
    flag: (name) => values[name] === true,
    number(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (/^\d{1,15}$/.test(value)) return Number(value);
      throw new HeadwaterError('HW-SERVICE-004', `--${name} takes a whole number, not "${value}"`);
    },
  };
}

type ParsedValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

function parseWords(
  command: Command,
  words: readonly string[],
): { values: ParsedValues; positionals: readonly string[] } {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...sharedOptions }).map(([name, option]) => [
      name,
      {
        type: option.type,
        multiple: option.multiple ?? false,
        ...(option.short === undefined ? {} : { short: option.short }),
      },
    ]),
  );
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message.split('. ', 1)[0] : String(error);
    throw new HeadwaterError('HW-SERVICE-004', `${message} (headwater ${command.name})`, {
      hint: `Read \`headwater ${command.name} --help\`.`,
    });
  }
}

/** The text of `headwater COMMAND --help`. */
export function formatCommandHelp(command: Command): string {
  const lines = [command.description, '', 'Usage', `  headwater ${command.name} ${command.usage}`, '', 'Options'];
  const rows = Object.entries({ ...command.options, ...sharedOptions }).map(
    ([name, option]) => [formatOption(name, option), option.description] as const,
  );
  const width = Math.max(...rows.map(([label]) => label.length));
  lines.push(...rows.map(([label, description]) => `  ${label.padEnd(width)}  ${description}`));
  if (command.examples.length > 0) lines.push('', 'Examples', ...command.examples.map((example) => `  ${example}`));
  return lines.join('\n');
}

function formatOption(name: string, option: OptionDefinition): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const value = option.type === 'string' ? ` ${option.placeholder ?? 'TEXT'}` : '';
  return `${short}--${name}${value}`;
}

/** The text of `headwater --help`. */
export function formatOverview(commands: readonly Command[], version: string): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    `headwater ${version}: one commit, everything else flows downstream`,
    '',
    'Usage',
    '  headwater COMMAND [options]',
    '',
    'Commands',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'Exit codes',
    '  0 ok   1 failure   2 usage   3 problems found   4 not found   5 not allowed',
    '  6 unreachable   7 timed out   8 refused without --yes   130 interrupted',
    '',
    'Run `headwater COMMAND --help` for one command, `headwater explain CODE` for an error.',
  ].join('\n');
}
