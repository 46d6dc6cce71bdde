import { type Command, type OptionDefinition, sharedOptions } from './command.ts';

/** The shells that a completion script is written for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
/** One of them. */
export type Shell = (typeof shells)[number];

/** The completion script of a shell: commands, their words, their options, and files where an option takes one. Pure. */
export function formatCompletion(shell: Shell, commands: readonly Command[]): string {
  const format = { bash: formatBash, zsh: formatZsh, fish: formatFish }[shell];
  return format(commands.map(toCompletion));
}

interface CompletedOption extends OptionDefinition {
  readonly name: string;
  /** What its value is completed with; undefined where it takes none. */
  readonly values: 'files' | 'directories' | 'nothing' | undefined;
}

interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly words: readonly string[];
  readonly options: readonly CompletedOption[];
}

function toCompletion({ name, summary, words, options }: Command): CompletedCommand {
  const all = Object.entries({ ...options, ...sharedOptions });
  return {
    name,
    summary,
    words: words ?? [],
    options: all.map(([optionName, option]) => ({ ...option, name: optionName, values: valuesOf(option) })),
  };
}

function valuesOf({ type, placeholder }: OptionDefinition): CompletedOption['values'] {
  if (type === 'boolean') return undefined;
  if (placeholder === 'FILE') return 'files';
  return placeholder === 'DIR' ? 'directories' : 'nothing';
}

function flagsOf({ name, short }: CompletedOption): readonly string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
}

/** https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html */
function formatBash(commands: readonly CompletedCommand[]): string {
  return [
    '# Completion of the command headwater for bash: eval "$(headwater completion bash)"',
    '_headwater() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="" choices=""',
    '  if [ "$COMP_CWORD" -gt 0 ]; then previous="${COMP_WORDS[COMP_CWORD-1]}"; fi',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -le 1 ]; then',
    `    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$current"))`,
    '    return',
    '  fi',
    '  case "${COMP_WORDS[1]}" in',
    ...commands.flatMap(formatBashCommand),
    '  esac',
    '  COMPREPLY=($(compgen -W "$choices" -- "$current"))',
    '}',
    'complete -F _headwater headwater',
  ].join('\n');
}

function formatBashCommand({ name, options, words }: CompletedCommand): string[] {
  const takers = (values: CompletedOption['values']): string =>
    options
      .filter((option) => option.values === values)
      .flatMap(flagsOf)
      .join('|');
  const actions = [
    { flags: takers('files'), action: 'COMPREPLY=($(compgen -f -- "$current")); return' },
    { flags: takers('directories'), action: 'COMPREPLY=($(compgen -d -- "$current")); return' },
    { flags: takers('nothing'), action: 'return' },
  ].filter(({ flags }) => flags !== '');
  const cases =
    actions.length === 0
      ? []
      : [
          '      case "$previous" in',
          ...actions.map(({ flags, action }) => `        ${flags}) ${action} ;;`),
          '      esac',
        ];
  const choices = [...words, ...options.flatMap(flagsOf)].join(' ');
  return [`    ${name})`, ...cases, `      choices="${choices}"`, '      ;;'];
}

/** https://zsh.sourceforge.io/Doc/Release/Completion-System.html */
function formatZsh(commands: readonly CompletedCommand[]): string {
  return [
    '#compdef headwater',
    '# Completion of the command headwater for zsh: eval "$(headwater completion zsh)", after compinit.',
    '_headwater() {',
    '  local -a commands',
    '  commands=(',
    ...commands.map(({ name, summary }) => `    ${quoteZsh(`${name}:${summary}`)}`),
    '  )',
    '  if (( CURRENT == 2 )); then',
    "    _describe -t commands 'command' commands",
    '    return',
    '  fi',
    '  local command="${words[2]}"',
    '  shift words',
    '  (( CURRENT-- ))',
    '  case "$command" in',
    ...commands.flatMap(formatZshCommand),
    '  esac',
    '}',
    'compdef _headwater headwater',
  ].join('\n');
}

function formatZshCommand({ name, options, words }: CompletedCommand): string[] {
  const specifications = options.flatMap((option) =>
    flagsOf(option).map((flag) => {
      const repeat = option.multiple === true ? '*' : '';
      return quoteZsh(`${repeat}${flag}[${escapeZsh(option.description)}]${zshAction(option)}`);
    }),
  );
  if (words.length > 0) specifications.push(quoteZsh(`1:word:(${words.join(' ')})`));
  return [`    ${name})`, `      _arguments \\`, `        ${specifications.join(' \\\n        ')}`, '      ;;'];
}

function zshAction({ placeholder, values }: CompletedOption): string {
  if (values === undefined) return '';
  const action = { files: '_files', directories: '_files -/', nothing: ' ' }[values];
  return `:${(placeholder ?? 'TEXT').replaceAll(':', '\\:')}:${action}`;
}

function escapeZsh(text: string): string {
  return text.replaceAll(/[[\]\\:]/g, '\\$&');
}

function quoteZsh(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** https://fishshell.com/docs/current/completions.html */
function formatFish(commands: readonly CompletedCommand[]): string {
  return [
    '# Completion of the command headwater for fish: headwater completion fish | source',
    'complete -c headwater -f',
    ...commands.map(
      ({ name, summary }) => `complete -c headwater -n __fish_use_subcommand -a ${name} -d ${quoteFish(summary)}`,
    ),
    ...commands.flatMap(formatFishCommand),
  ].join('\n');
}

function formatFishCommand({ name, options, words }: CompletedCommand): string[] {
  const seen = `complete -c headwater -n '__fish_seen_subcommand_from ${name}'`;
  const value = { files: ' -r -F', directories: " -x -a '(__fish_complete_directories)'", nothing: ' -x' };
  return [
    ...words.map((word) => `${seen} -a ${word}`),
    ...options.map((option) => {
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      const takes = option.values === undefined ? '' : value[option.values];
      return `${seen} -l ${option.name}${short}${takes} -d ${quoteFish(option.description)}`;
    }),
  ];
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
