import { resolve } from 'node:path';

import { openReplicationConnection } from '../../capture/postgres/replication/pg-replication-connection.ts';
import { inspectSource } from '../../capture/postgres/source/inspect-source.ts';
import { openSourceCatalog } from '../../capture/postgres/source/sql-source-catalog.ts';
import type { SourceCheck } from '../../capture/source-check.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { schemaNameDefault } from '../../postgres/database-objects.ts';
import { qualifyTable } from '../../service/config.ts';
import type { Command, CommandInput } from '../command.ts';
import { formatChecks, plainCheck } from '../format-checks.ts';
import { detectProject, type OrmName, ormNames, type ProjectFacts } from '../init/detect-project.ts';
import { planInitChecks, planInitFiles, planNextSteps } from '../init/plan-init.ts';
import { planSetupSql, type SetupNames, type SetupSection } from '../init/plan-setup-sql.ts';
import { type DatabaseFacts, readDatabase } from '../init/read-database.ts';
import { readProject } from '../init/read-project.ts';
import { type FileOutcome, writeNewFiles } from '../new-files.ts';

/** `headwater init`. */
export const initCommand: Command = {
  name: 'init',
  summary: 'look at a project and its database, write a configuration and an example, print the SQL',
  usage: '[options]',
  description:
    'Sets up Headwater in the project of this directory. Finds package manager, database client and framework from\n' +
    'package.json and lockfiles, and looks at the database: version, wal_level, slots, rights, tables and their replica\n' +
    'identities, publications. Writes headwater.config.ts and one example that emits an event in a transaction of your client,\n' +
    'and prints the SQL and grants that are missing. (.mts, where package.json does not say "type": "module".)\n\n' +
    'It runs no SQL, never overwrites a file, and works without a database: it says what it could not check. A second run\n' +
    'changes nothing. Exit code 0 also when the database still lacks something: that is what `headwater doctor` judges.',
  options: {
    url: {
      type: 'string',
      placeholder: 'URL',
      description: 'Database to look at. Default: DATABASE_URL of the environment, then of .env.',
    },
    table: {
      type: 'string',
      multiple: true,
      placeholder: 'NAME',
      description: 'Table whose row changes are to be captured. May be repeated. Default: none, events only.',
    },
    orm: { type: 'string', placeholder: 'NAME', description: `Client of the example: ${ormNames.join(', ')}.` },
    'dry-run': { type: 'boolean', description: 'Say what would be written, with the text; write nothing.' },
    'print-sql': { type: 'boolean', description: 'Print the missing SQL alone; write nothing.' },
  },
  examples: [
    'headwater init --dry-run',
    'headwater init --url postgres://postgres@127.0.0.1:5432/shop --table orders',
    'headwater init --orm kysely',
    'headwater init --print-sql --table orders | psql postgres://postgres@127.0.0.1:5432/shop',
    'headwater init --json | jq .files',
  ],
  async run(input) {
    const directory = process.cwd();
    const { files, gitignore, databaseUrl } = await readProject(directory);
    const project = detectProject(files);
    const orm = chooseOrm(input, project);
    const given = input.text('url') ?? input.terminal.environment['DATABASE_URL'];
    const url = given ?? databaseUrl;
    const names = setupNames(input, url);
    const database = await readDatabase(url, names.schemaName, input.signal);
    const sections = planSetupSql(database, names);
    if (input.flag('print-sql')) return printSections(input, database, sections);

    const mode = input.flag('dry-run') ? 'dry-run' : 'write';
    const planned = planInitFiles({ project, orm, tables: names.tables, names: files.names });
    const isUrlFromEnvFile = given === undefined && databaseUrl !== undefined;
    const report: InitReport = {
      project,
      orm,
      checks: [...planInitChecks(project, database), ...(await checkSource(url, names, input.signal))],
      unchecked: describeUnchecked(database),
      files: await writeNewFiles(directory, planned, mode),
      sections,
      nextSteps: planNextSteps({ project, orm, database, sections, gitignore, isUrlFromEnvFile }),
    };
    if (input.json) showJson(input, report, mode);
    else showText(input, report, mode);
    if (mode === 'dry-run' && !input.json) {
      for (const { path, content } of planned) input.terminal.out(`\n--- ${path}\n${content.trimEnd()}`);
    }
    return 0;
  },
};

interface InitReport {
  readonly project: ProjectFacts;
  readonly orm: OrmName;
  readonly checks: readonly SourceCheck[];
  /** Undefined: everything was looked at. */
  readonly unchecked: string | undefined;
  readonly files: readonly FileOutcome[];
  readonly sections: readonly SetupSection[];
  readonly nextSteps: readonly string[];
}

function chooseOrm(input: CommandInput, project: ProjectFacts): OrmName {
  const name = input.text('orm');
  if (name === undefined) return project.orms[0] ?? 'pg';
  const orm = ormNames.find((candidate) => candidate === name);
  if (orm !== undefined) return orm;
  throw new HeadwaterError('HW-SERVICE-004', `--orm is one of ${ormNames.join(', ')}, not "${name}"`);
}

function setupNames(input: CommandInput, url: string | undefined): SetupNames {
  return {
    publication: 'headwater',
    schemaName: schemaNameDefault,
    tables: [...new Set(input.texts('table').map(qualifyTable))],
    databaseName: (url === undefined ? undefined : URL.parse(url)?.pathname.slice(1)) || 'postgres',
  };
}

/** The checks of `headwater doctor` for the configuration that is about to be written. */
async function checkSource(
  url: string | undefined,
  names: SetupNames,
  signal: AbortSignal,
): Promise<readonly SourceCheck[]> {
  if (url === undefined) return [];
  const wanted = {
    slotName: 'headwater_main',
    publicationNames: [names.publication],
    tables: names.tables,
    requiredTables: [],
    outboxTable: `${names.schemaName}.outbox`,
    create: 'if-missing',
    isCanaryOn: true,
  } as const;
  const openCatalog = async (inner?: AbortSignal): ReturnType<typeof openSourceCatalog> =>
    openSourceCatalog(parseConnectionUrl(url), inner);
  const openReplication = async (inner?: AbortSignal): ReturnType<typeof openReplicationConnection> =>
    openReplicationConnection(parseConnectionUrl(url), inner);
  return inspectSource({ wanted, openCatalog, openReplication }, signal);
}

const uncheckedParts = 'version, wal_level, slots, rights, tables and replica identities, publications';

function describeUnchecked(database: DatabaseFacts): string | undefined {
  switch (database.kind) {
    case 'reached':
      return undefined;
    case 'no-address':
      return `not checked, for want of an address (--url or DATABASE_URL): ${uncheckedParts}`;
    case 'unreachable':
      return `not checked, because ${database.error.code} ${database.error.message}: ${uncheckedParts}`;
  }
}

function printSections(
  { json, terminal }: CommandInput,
  database: DatabaseFacts,
  sections: readonly SetupSection[],
): number {
  const unchecked = describeUnchecked(database);
  if (json) terminal.out(JSON.stringify({ version: 1, unchecked: unchecked ?? null, sql: sections }));
  else terminal.out(formatSections(sections));
  if (unchecked !== undefined && !json) terminal.note(unchecked);
  return 0;
}

function formatSections(sections: readonly SetupSection[]): string {
  return sections
    .map(({ title, sql }) => `-- ${title}.\n${sql}`)
    .join('\n')
    .trimEnd();
}

function showJson({ terminal }: CommandInput, report: InitReport, mode: 'write' | 'dry-run'): void {
  const { project, orm, checks, unchecked, files, sections, nextSteps } = report;
  const { packageManager, orms, frameworks } = project;
  terminal.out(
    JSON.stringify({
      version: 1,
      dryRun: mode === 'dry-run',
      directory: resolve('.'),
      project: { packageManager, orms, frameworks, exampleFor: orm },
      checks: checks.map(plainCheck),
      unchecked: unchecked ?? null,
      files,
      sql: sections,
      nextSteps,
    }),
  );
}

const actionTexts: Readonly<Record<'write' | 'dry-run', Readonly<Record<FileOutcome['action'], string>>>> = {
  write: { created: 'created', updated: 'updated', unchanged: 'unchanged', kept: 'kept: it is yours and differs' },
  'dry-run': {
    created: 'would be created',
    updated: 'would be updated',
    unchanged: 'unchanged',
    kept: 'would be kept',
  },
};

function showText({ terminal }: CommandInput, report: InitReport, mode: 'write' | 'dry-run'): void {
  const { style } = terminal;
  const { checks, files, nextSteps, sections, unchecked } = report;
  terminal.out(style.bold('Found'));
  for (const line of formatChecks(checks, style)) terminal.out(line);
  if (unchecked !== undefined) terminal.out(style.yellow(unchecked));
  terminal.out(`\n${style.bold('SQL that is missing')}`);
  terminal.out(sections.length === 0 ? 'none' : formatSections(sections));
  terminal.out(`\n${style.bold('Files')}`);
  for (const { action, path } of files) terminal.out(`${path}: ${actionTexts[mode][action]}`);
  if (files.every(({ action }) => action === 'unchanged' || action === 'kept')) terminal.out('nothing was changed');
  terminal.out(`\n${style.bold('Next')}`);
  for (const [index, step] of nextSteps.entries()) terminal.out(`${index + 1}. ${step}`);
}
