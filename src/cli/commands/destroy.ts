import { HeadwaterError } from '../../foundation/error.ts';
import { readDirectoryFacts } from '../../foundation/directory-facts.ts';
import { slotNameOf } from '../../service/config.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { inspectConfiguredJournal, readHolderFacts } from '../../service/inspect-configured-journal.ts';
import type { HolderFacts } from '../../service/plan-journal-checks.ts';
import { readSecret } from '../../service/secret.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { confirmOnTerminal } from '../confirm.ts';
import { applyDestroy, readDestroyFacts } from '../destroy/destroy-database.ts';
import { type DestroyPart, destroyParts, type DestroyStep, planDestroy } from '../destroy/plan-destroy.ts';
import { loadConfig } from '../load-config.ts';
import { openOwnerConnection, ownerOptions } from '../owner-connection.ts';

/** `headwater destroy`. */
export const destroyCommand: Command = {
  name: 'destroy',
  summary: 'drop what Headwater made in the database: slot, publication, schema',
  wordCountMax: destroyParts.length,
  usage: '[slot | publication | schema]… [options]',
  description:
    'Drops the configured slot, the publication if Headwater made it, and its own tables and schema, each by name, and says\n' +
    'what it keeps and why. Never touched: your tables, your roles, and the journal directory, of which it tells what\n' +
    'remains. With words only those parts. Refuses while Headwater runs (exit code 8) and asks on a terminal; elsewhere it\n' +
    'needs --yes. What is gone already is no error.',
  options: {
    ...configOptions,
    ...ownerOptions,
    'dry-run': { type: 'boolean', description: 'Say what would be dropped, with the SQL; change nothing.' },
    yes: { type: 'boolean', short: 'y', description: 'Do not ask.' },
  },
  examples: [
    'headwater destroy --dry-run',
    'headwater destroy --url postgres://owner@db.example:5432/shop',
    'headwater destroy slot --yes',
    'headwater destroy --yes --json | jq .steps',
  ],
  async run(input) {
    const named = input.positionals.map(parsePart);
    const config = await loadConfig(input.text('config'), input.terminal.environment);
    const url = input.text('url') ?? (await readSecret(config.source.url, 'source.url'));
    await using connection = await openOwnerConnection(url, input.signal);
    const names = {
      slotName: slotNameOf(config),
      publicationName: config.source.publication,
      schemaName: config.source.outboxSchema,
    };
    const journal = await readJournal(config);
    const facts = await readDestroyFacts(connection, names, input.signal);
    const steps = planDestroy(facts, { ...names, named, holder: journal.holder });
    const isDryRun = input.flag('dry-run');
    const isNeeded = steps.some(({ action }) => action === 'drop');
    if (!input.json) showPlan(input, steps, isDryRun);
    if (isNeeded && !isDryRun) {
      await confirm(input, facts.databaseName);
      await applyDestroy(connection, steps, input.signal);
    }
    showEnd(input, { steps, isDone: isNeeded && !isDryRun, isDryRun, journal });
    return 0;
  },
};

function parsePart(word: string): DestroyPart {
  const part = destroyParts.find((candidate) => candidate === word);
  if (part !== undefined) return part;
  throw new HeadwaterError('HW-SERVICE-004', `destroy knows ${destroyParts.join(', ')}, not "${word}"`);
}

interface JournalLeft {
  readonly directory: string;
  readonly isThere: boolean;
  readonly holder: HolderFacts;
  /** What is in it, in a sentence. */
  readonly content: string;
}

async function readJournal(config: ResolvedConfig): Promise<JournalLeft> {
  const { directory } = config.journal;
  const isThere = (await readDirectoryFacts(directory)).kind === 'directory';
  const holder: HolderFacts = isThere ? await readHolderFacts(directory) : { kind: 'nobody' };
  const checks = isThere ? await inspectConfiguredJournal(config) : [];
  const content = checks.find(({ id }) => id === 'journal.content')?.why ?? 'there is none';
  return { directory, isThere, holder, content };
}

function showPlan({ terminal }: CommandInput, steps: readonly DestroyStep[], isDryRun: boolean): void {
  const { style } = terminal;
  const marks = { drop: style.red('drop  '), keep: style.yellow('keep  '), absent: style.dim('absent') };
  for (const { action, kind, name, why } of steps) terminal.out(`${marks[action]} ${kind} ${name}: ${why}`);
  if (!isDryRun) return;
  for (const { statement } of steps) if (statement !== undefined) terminal.out(`  ${statement};`);
}

async function confirm(input: CommandInput, databaseName: string): Promise<void> {
  if (input.flag('yes')) return;
  const answer = await confirmOnTerminal(`Drop these in the database "${databaseName}"? Type yes: `, input.signal);
  if (answer === true) return;
  const why = answer === undefined ? 'there is no terminal to ask on' : 'the answer was not "yes"';
  throw new HeadwaterError('HW-SETUP-002', `${why}; nothing was dropped`);
}

interface DestroyEnd {
  readonly steps: readonly DestroyStep[];
  readonly isDone: boolean;
  readonly isDryRun: boolean;
  readonly journal: JournalLeft;
}

function showEnd({ json, terminal }: CommandInput, { steps, isDone, isDryRun, journal }: DestroyEnd): void {
  const { directory, isThere, holder, content } = journal;
  if (json) {
    const plain = steps.map((step) => ({ ...step, statement: step.statement ?? null }));
    const left = { directory, isThere, content };
    terminal.out(JSON.stringify({ version: 1, dryRun: isDryRun, done: isDone, steps: plain, journal: left }));
    return;
  }
  if (isDone) terminal.out('dropped');
  else terminal.out(isDryRun ? 'a dry run: nothing was changed' : 'nothing to drop: nothing was changed');
  if (isThere) {
    terminal.out(`the journal remains in ${directory} (${content})`);
    terminal.out(`  It fits no slot that is made anew. When nobody needs it: rm -r ${directory}`);
  }
  if (holder.kind === 'elsewhere') terminal.note(`it was last held by ${holder.who}; make sure that it has ended`);
}
