import type { SourceCheck } from '../../capture/source-check.ts';
import { configNames } from '../load-config.ts';
import type { PlannedFile } from '../new-files.ts';
import type { OrmName, ProjectFacts } from './detect-project.ts';
import { exampleCode } from './example-code.ts';
import type { DatabaseFacts } from './read-database.ts';
import type { SetupSection } from './plan-setup-sql.ts';

/** What the files are made from. */
export interface InitFilesRequest {
  readonly project: ProjectFacts;
  readonly orm: OrmName;
  /** `schema.table` of what is to be captured. */
  readonly tables: readonly string[];
  /** What is in the directory already. */
  readonly names: readonly string[];
}

/** The configuration and the example. Pure. A configuration under any of the known names is left in its place. */
export function planInitFiles({ project, orm, tables, names }: InitFilesRequest): readonly PlannedFile[] {
  const ending = project.isModule ? 'ts' : 'mts';
  const found = configNames.find((name) => names.includes(name));
  const config = { path: found ?? `headwater.config.${ending}`, content: configCode(tables) };
  const path = `${project.hasSourceFolder ? 'src/' : ''}headwater-example.${ending}`;
  return [config, { path, content: exampleCode(orm, project, path) }];
}

function configCode(tables: readonly string[]): string {
  const list = tables.map((name) => `'${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`).join(', ');
  const note =
    tables.length === 0
      ? '    // Events need no table. Tables whose row changes are to be captured, too: their names here.\n'
      : '';
  return `import { defineConfig } from 'headwater';
import { handlerSink } from 'headwater/handler';

export default defineConfig({
  source: {
    // The primary itself, not a pooler: the role headwater_capture, or any that may replicate.
    url: '\${DATABASE_URL}',
${note}    tables: [${list}],
  },
  lanes: {
    // A first lane that prints each record. Others: headwater/kafka, headwater/postgres, headwater/redis, …
    print: {
      sink: handlerSink({
        name: 'print',
        handle(record, context) {
          console.log(record.kind === 'event' ? record.event.type : record.kind, context.key, context.id);
        },
      }),
    },
  },
});
`;
}

/** What the last lines are made from. */
export interface NextStepsRequest {
  readonly project: ProjectFacts;
  readonly orm: OrmName;
  readonly database: DatabaseFacts;
  readonly sections: readonly SetupSection[];
  readonly gitignore: string | undefined;
  readonly isUrlFromEnvFile: boolean;
}

/** What is left for the user, in order. Pure. */
export function planNextSteps(request: NextStepsRequest): readonly string[] {
  const { project, database, sections, gitignore } = request;
  const run = runners[project.packageManager];
  const missing = [...(project.hasHeadwater ? [] : ['headwater']), ...(project.hasPg ? [] : ['pg'])];
  const steps: string[] = [];
  if (missing.length > 0) steps.push(`install: ${installers[project.packageManager]} ${missing.join(' ')}`);
  if (database.kind === 'no-address')
    steps.push('set DATABASE_URL, or run `headwater init --url URL` to check the database');
  if (request.isUrlFromEnvFile)
    steps.push('load .env for the command too: DATABASE_URL stands there and not in the environment');
  if (sections.length > 0) steps.push(`run the SQL as an owner: ${run} headwater init --print-sql | psql URL`);
  if (gitignore !== undefined && !/^\/?\.headwater\/?\s*$/m.test(gitignore))
    steps.push('add .headwater/ to .gitignore');
  steps.push(`check it: ${run} headwater doctor`, `start it: ${run} headwater run`);
  const [framework] = project.frameworks;
  if (framework !== undefined) steps.push(frameworkSteps[framework]);
  return steps;
}

/** What was found of the project and the database, as checks like those of `headwater doctor`. Pure. */
export function planInitChecks(project: ProjectFacts, database: DatabaseFacts): readonly SourceCheck[] {
  const found = (id: string, why: string): SourceCheck => ({ id, result: 'ok', why, fix: undefined });
  const checks = [
    found('project.package-manager', project.packageManager),
    found('project.orm', project.orms.length === 0 ? 'none found; the example uses pg' : project.orms.join(', ')),
    found('project.framework', project.frameworks.length === 0 ? 'none found' : project.frameworks.join(', ')),
  ];
  if (database.kind !== 'reached') return checks;
  const { publications, server, tables } = database;
  const lacking = tables.filter(({ hasIdentity }) => !hasIdentity).map(({ name }) => name);
  checks.push(found('database.version', `PostgreSQL ${server.versionText}`));
  checks.push(found('database.slots', `${server.slotCount} of ${server.slotCountMax} replication slots are in use`));
  checks.push(
    describeTables(
      tables.map(({ name }) => name),
      lacking,
    ),
  );
  const names = publications.map(({ name, isOurs }) => `${name}${isOurs ? ' (made by Headwater)' : ''}`);
  checks.push(found('database.publications', names.length === 0 ? 'none' : names.join(', ')));
  return [...checks, describeRights(database)];
}

function describeTables(names: readonly string[], lacking: readonly string[]): SourceCheck {
  const id = 'database.tables';
  const shown = names.length > 20 ? `${names.slice(0, 20).join(', ')}, … (${names.length})` : names.join(', ');
  if (lacking.length === 0) {
    return {
      id,
      result: 'ok',
      why: names.length === 0 ? 'none yet' : `${shown}; each has a replica identity`,
      fix: undefined,
    };
  }
  const why = `${shown}; without a replica identity: ${lacking.join(', ')}. They can be published only after that is mended`;
  return { id, result: 'warning', why, fix: 'add primary keys, or replica identity full for those that are captured' };
}

function describeRights({ server }: Extract<DatabaseFacts, { kind: 'reached' }>): SourceCheck {
  const id = 'database.rights';
  const lacking = [
    ...(server.mayReplicate ? [] : ['REPLICATION']),
    ...(server.mayCreateInDatabase ? [] : ['CREATE on the database']),
  ];
  if (lacking.length === 0) {
    return { id, result: 'ok', why: `the role "${server.roleName}" may replicate and make objects`, fix: undefined };
  }
  const why = `the role "${server.roleName}" lacks ${lacking.join(' and ')}`;
  return {
    id,
    result: 'warning',
    why,
    fix: 'have an owner run the SQL, and let Headwater log in as headwater_capture',
  };
}

const installers: Readonly<Record<ProjectFacts['packageManager'], string>> = {
  npm: 'npm install',
  pnpm: 'pnpm add',
  yarn: 'yarn add',
  bun: 'bun add',
};

const runners: Readonly<Record<ProjectFacts['packageManager'], string>> = {
  npm: 'npx',
  pnpm: 'pnpm exec',
  yarn: 'yarn',
  bun: 'bunx',
};

const frameworkSteps: Readonly<Record<ProjectFacts['frameworks'][number], string>> = {
  nest: 'Nest: call placeOrder in a provider, with the client that you inject there; run Headwater as a process of its own',
  next: 'Next: call placeOrder in a route handler or server action; Headwater needs a process that stays, beside the Next server',
  hono: 'Hono: call placeOrder in a handler; run Headwater as a process of its own',
  fastify: 'Fastify: call placeOrder in a route handler; run Headwater as a process of its own',
  express: 'Express: call placeOrder in a route handler; run Headwater as a process of its own',
};
