import { printSinkGrants, printSinkSql } from '../../delivery/sinks/postgres/sink-objects.sql.ts';
import { systemClock } from '../../foundation/clock.ts';
import {
  databaseObjectsVersion,
  listMigrations,
  printSql,
  schemaNameDefault,
} from '../../postgres/database-objects.ts';
import { printRolesSql, roleNameDefaults } from '../../postgres/roles.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Command, CommandInput } from '../command.ts';
import { type MigrationFormat, migrationFormats } from '../migrations/plan-migration-files.ts';
import { writeMigrationFiles } from '../migrations/write-migration-files.ts';

const topics = ['objects', 'roles', 'sink'] as const;

/** `headwater sql`. */
export const sqlCommand: Command = {
  name: 'sql',
  summary: "print the SQL of Headwater's tables and of its least-privilege roles",
  wordCountMax: 1,
  words: topics,
  usage: '[objects | roles | sink] [options]',
  description:
    'Prints SQL and runs nothing. `objects`: schema, outbox and inbox, for your own migration tool. `roles`: one role for\n' +
    'capture, one for the application, one for sinks and handlers, each with nothing that it does not need. `sink`: what the\n' +
    'PostgreSQL sink keeps in its target database, with the grants. Without a word: objects and roles.\n\n' +
    'With --format and --out `objects` is written as migrations of another tool, each with the number that comes next there.\n' +
    'A second run finds them by their names and changes nothing. Drizzle: the entry in meta/_journal.json is added too.',
  options: {
    database: { type: 'string', placeholder: 'NAME', description: 'Database in the grants. Default: postgres.' },
    schema: { type: 'string', placeholder: 'NAME', description: "Schema of Headwater's tables. Default: headwater." },
    table: {
      type: 'string',
      multiple: true,
      placeholder: 'NAME',
      description: 'Table that a sink or handler writes. May be repeated.',
    },
    copy: {
      type: 'string',
      multiple: true,
      placeholder: 'NAME',
      description: 'Table whose older rows capture copies. May be repeated.',
    },
    role: {
      type: 'string',
      placeholder: 'NAME',
      description: 'Role in the grants of `sink`. Default: headwater_sink.',
    },
    format: {
      type: 'string',
      placeholder: 'TOOL',
      description: 'flyway, drizzle or prisma: the form of the files in --out.',
    },
    out: { type: 'string', placeholder: 'DIR', description: "Directory of that tool's migrations." },
    'revoke-public': { type: 'boolean', description: 'Nobody but these roles may write logical messages.' },
  },
  examples: [
    'headwater sql objects > migrations/0042_headwater.sql',
    'headwater sql objects --format flyway --out db/migrations',
    'headwater sql objects --format drizzle --out drizzle',
    'headwater sql objects --format prisma --out prisma/migrations',
    'headwater sql roles --database shop | psql shop',
  ],
  async run(input) {
    if (input.text('format') !== undefined || input.text('out') !== undefined) return writeObjects(input);
    const wanted = chosenTopics(input);
    const texts = { objects: objectsSql(input), roles: rolesSql(input), sink: sinkSql(input) };
    if (input.json) {
      const chosen = Object.fromEntries(wanted.map((topic) => [topic, texts[topic]]));
      input.terminal.out(JSON.stringify({ version: 1, objectsVersion: databaseObjectsVersion, ...chosen }));
    } else {
      input.terminal.out(
        wanted
          .map((topic) => texts[topic])
          .join('\n')
          .trimEnd(),
      );
    }
    return 0;
  },
};

async function writeObjects(input: CommandInput): Promise<number> {
  const format = migrationFormats.find((name) => name === input.text('format'));
  const directory = input.text('out');
  if (format === undefined || directory === undefined || input.positionals[0] !== 'objects') {
    const message = `--format (${migrationFormats.join(', ')}) and --out go together, behind \`headwater sql objects\``;
    throw new HeadwaterError('HW-SERVICE-004', message);
  }
  const migrations = listMigrations(input.text('schema') ?? schemaNameDefault, 0);
  const files = await writeMigrationFiles({ format, directory, migrations, now: systemClock.now() });
  const { terminal } = input;
  if (input.json) terminal.out(JSON.stringify({ version: 1, objectsVersion: databaseObjectsVersion, format, files }));
  else if (files.length === 0) terminal.out(`${directory} has the migrations already: nothing was changed`);
  else for (const { action, path } of files) terminal.out(`${action} ${directory}/${path}`);
  if (!input.json && files.length > 0) terminal.note(`Run it with ${runHints[format]}.`);
  return 0;
}

const runHints: Readonly<Record<MigrationFormat, string>> = {
  flyway: '`flyway migrate`',
  drizzle: '`drizzle-kit migrate`, or migrate() of drizzle-orm',
  prisma: '`prisma migrate deploy`',
};

function chosenTopics(input: CommandInput): readonly (typeof topics)[number][] {
  const [name] = input.positionals;
  if (name === undefined) return ['objects', 'roles'];
  const topic = topics.find((candidate) => candidate === name);
  if (topic !== undefined) return [topic];
  throw new HeadwaterError('HW-SERVICE-005', `there is no SQL called "${name}"; there are: ${topics.join(', ')}`);
}

function objectsSql(input: CommandInput): string {
  return printSql(input.text('schema'));
}

function sinkSql(input: CommandInput): string {
  const schemaName = input.text('schema');
  const roleName = input.text('role') ?? roleNameDefaults.sink;
  return `${printSinkSql(schemaName)}\n${printSinkGrants(roleName, schemaName)}`;
}

function rolesSql(input: CommandInput): string {
  const schemaName = input.text('schema');
  return printRolesSql({
    databaseName: input.text('database') ?? 'postgres',
    targetTables: input.texts('table'),
    copiedTables: input.texts('copy'),
    publicMessages: input.flag('revoke-public') ? 'revoked' : 'kept',
    ...(schemaName === undefined ? {} : { schemaName }),
  });
}
