import {
  applyMigrations,
  databaseObjectsVersion,
  listMigrations,
  type MigrationSql,
  readSchemaVersion,
  schemaNameDefault,
  type StatementRunner,
} from '../../postgres/database-objects.ts';
import { readSecret } from '../../service/secret.ts';
import { configOptions, type Command, type CommandInput } from '../command.ts';
import { loadConfig } from '../load-config.ts';
import { openOwnerConnection, ownerOptions, runAsOwner } from '../owner-connection.ts';

/** `headwater migrate`. */
export const migrateCommand: Command = {
  name: 'migrate',
  summary: "make or update Headwater's tables in a database, or say what is pending",
  usage: '[options]',
  description:
    "Brings Headwater's schema (outbox, inbox, record of migrations) to this release's version: one transaction under an\n" +
    'advisory lock, all of it or nothing. Two that run at once wait for each other; a second run changes nothing. Run it as\n' +
    'an owner, with --url, since the roles that Headwater runs as may make no tables.\n\n' +
    '--status changes nothing. Exit code 0: nothing is pending. 3: something is.',
  options: {
    ...configOptions,
    ...ownerOptions,
    schema: { type: 'string', placeholder: 'NAME', description: 'Schema. Default: source.outboxSchema, or headwater.' },
    status: { type: 'boolean', description: 'Say which version is there and what is pending; change nothing.' },
    'dry-run': { type: 'boolean', description: 'Print the SQL that would run; change nothing.' },
  },
  examples: [
    'headwater migrate --url postgres://owner@db.example:5432/shop',
    'headwater migrate --status --json | jq .pending',
    'headwater migrate --dry-run',
    'headwater sql objects --format flyway --out db/migrations   # for another migration tool',
  ],
  async run(input) {
    const { url, schemaName } = await findTarget(input);
    await using connection = await openOwnerConnection(url, input.signal);
    const run: StatementRunner = (text) => runAsOwner(connection, text, input.signal);
    if (input.flag('status')) return showStatus(input, schemaName, await readSchemaVersion(run, schemaName));
    if (input.flag('dry-run')) return showSql(input, schemaName, await readSchemaVersion(run, schemaName));
    const { from, to } = await applyMigrations(run, schemaName);
    const applied = listMigrations(schemaName, from);
    if (input.json) {
      const names = applied.map(nameMigration);
      input.terminal.out(JSON.stringify({ version: 1, schema: schemaName, from, to, applied: names }));
    } else if (applied.length === 0) {
      input.terminal.out(`schema "${schemaName}" has version ${to} already: nothing was changed`);
    } else {
      input.terminal.out(`schema "${schemaName}" went from version ${from} to ${to}`);
      for (const migration of applied) input.terminal.out(`  applied ${describe(migration)}`);
    }
    return 0;
  },
};

/** A configuration is needed only for what the options leave open. */
async function findTarget(input: CommandInput): Promise<{ readonly url: string; readonly schemaName: string }> {
  const url = input.text('url');
  const schemaName = input.text('schema');
  if (url !== undefined && input.text('config') === undefined)
    return { url, schemaName: schemaName ?? schemaNameDefault };
  const { source } = await loadConfig(input.text('config'), input.terminal.environment);
  return {
    url: url ?? (await readSecret(source.url, 'source.url')),
    schemaName: schemaName ?? source.outboxSchema,
  };
}

function showStatus({ json, terminal }: CommandInput, schemaName: string, found: number): number {
  const pending = listMigrations(schemaName, found);
  if (json) {
    const names = pending.map(nameMigration);
    const versions = { schema: schemaName, found, known: databaseObjectsVersion };
    terminal.out(JSON.stringify({ version: 1, ...versions, pending: names }));
  } else {
    const state = found === 0 ? 'is not there' : `has version ${found}`;
    terminal.out(`schema "${schemaName}" ${state}; this release knows version ${databaseObjectsVersion}`);
    for (const migration of pending) terminal.out(`  pending ${describe(migration)}`);
  }
  return pending.length === 0 ? 0 : 3;
}

function showSql({ json, terminal }: CommandInput, schemaName: string, found: number): number {
  const pending = listMigrations(schemaName, found);
  const statements = pending.flatMap((migration) => migration.statements);
  if (json) {
    terminal.out(JSON.stringify({ version: 1, schema: schemaName, from: found, statements }));
  } else if (statements.length === 0) {
    terminal.note(`schema "${schemaName}" has version ${found} already: nothing would run`);
  } else {
    terminal.out(['begin', ...statements, 'commit'].map((statement) => `${statement};`).join('\n'));
  }
  return 0;
}

function nameMigration({ version, summary, compatibility }: MigrationSql): object {
  return { version, summary, compatibility };
}

function describe({ version, summary }: MigrationSql): string {
  return `${version}: ${summary}`;
}
