import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { ServerFacts } from '../../capture/postgres/source/source-facts.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { databaseObjectsVersion } from '../../postgres/database-objects.ts';
import { detectProject, ormNames } from './detect-project.ts';
import { exampleCode } from './example-code.ts';
import { planInitChecks, planInitFiles, planNextSteps } from './plan-init.ts';
import { planSetupSql, type SetupNames } from './plan-setup-sql.ts';
import type { DatabaseFacts } from './read-database.ts';

type Reached = Extract<DatabaseFacts, { kind: 'reached' }>;

const project = detectProject({ packageJson: undefined, packageManagerField: undefined, lockfiles: [], names: [] });
const server: ServerFacts = {
  systemId: '7',
  isStandby: false,
  databaseName: 'shop',
  databaseOid: 5,
  walLevel: 'logical',
  versionText: '18.1',
  serverEncoding: 'UTF8',
  insertLsn: undefined,
  roleName: 'owner',
  mayReplicate: true,
  bypassesRowSecurity: true,
  mayCreateInDatabase: true,
  mayEmit: true,
  mayEverybodyEmit: true,
  slotKeepSize: '-1',
  idleSlotTimeout: undefined,
  slotCount: 2,
  slotCountMax: 10,
  senderCount: 1,
  senderCountMax: 10,
};
const ready: Reached = {
  kind: 'reached',
  server,
  tables: [
    { name: 'public.orders', hasIdentity: true, identityKind: 'default' },
    { name: 'public.notes', hasIdentity: false, identityKind: 'default' },
  ],
  publications: [
    { name: 'headwater', isForAllTables: false, isOurs: true, tables: ['public.orders', 'headwater.outbox'] },
  ],
  objectsVersion: databaseObjectsVersion,
};
const unreachable: DatabaseFacts = { kind: 'unreachable', error: new HeadwaterError('HW-SOURCE-002', 'nobody') };
const names: SetupNames = {
  publication: 'headwater',
  schemaName: 'headwater',
  tables: ['public.orders'],
  databaseName: 'postgres',
};

describe('the SQL that init prints', () => {
  const cases: readonly (readonly [string, DatabaseFacts, Partial<SetupNames>, readonly string[]])[] = [
    ['everything where nobody could be asked', unreachable, {}, ['settings', 'objects', 'publication', 'roles']],
    [
      'everything where no address was given',
      { kind: 'no-address' },
      {},
      ['settings', 'objects', 'publication', 'roles'],
    ],
    ['only the roles where all is there', ready, {}, ['roles']],
    [
      'the setting where it is another',
      { ...ready, server: { ...server, walLevel: 'replica' } },
      {},
      ['settings', 'roles'],
    ],
    ['the objects where there are none', { ...ready, objectsVersion: 0 }, {}, ['objects', 'roles']],
    ['no objects where this role may not look', { ...ready, objectsVersion: undefined }, {}, ['roles']],
    ['the publication where there is none', { ...ready, publications: [] }, {}, ['publication', 'roles']],
    [
      'identity and membership of a table that lacks both',
      ready,
      { tables: ['public.orders', 'public.notes'] },
      ['replica-identity', 'publication', 'roles'],
    ],
    [
      'no membership in a publication of all tables',
      { ...ready, publications: [{ name: 'headwater', isForAllTables: true, isOurs: false, tables: [] }] },
      {},
      ['roles'],
    ],
  ];
  for (const [name, database, change, expected] of cases) {
    it(`holds ${name}`, () => {
      assert.deepEqual(
        planSetupSql(database, { ...names, ...change }).map(({ id }) => id),
        expected,
      );
    });
  }

  it('quotes names, grants in the database that was asked, and publishes the outbox', () => {
    const sections = planSetupSql(
      { ...ready, publications: [], objectsVersion: 0 },
      { ...names, tables: ['we"ird.t'] },
    );
    const text = sections.map(({ sql }) => sql).join('');
    assert.match(text, /create publication "headwater" for table "we""ird"\."t", "headwater"\."outbox";/);
    assert.match(text, /grant connect on database "shop"/);
    assert.match(text, /grant select on "we""ird"\."t"/);
  });
});

describe('the files that init writes', () => {
  it('end in .ts in a module, in .mts elsewhere, and leave a configuration of another name in its place', () => {
    const paths = (isModule: boolean, found: readonly string[]): string[] =>
      planInitFiles({ project: { ...project, isModule }, orm: 'pg', tables: [], names: found }).map(({ path }) => path);
    assert.deepEqual(paths(true, []), ['headwater.config.ts', 'headwater-example.ts']);
    assert.deepEqual(paths(false, []), ['headwater.config.mts', 'headwater-example.mts']);
    assert.deepEqual(paths(true, ['headwater.config.mjs']), ['headwater.config.mjs', 'headwater-example.ts']);
  });

  it('hold table names as texts, whatever they contain', () => {
    const [config] = planInitFiles({ project, orm: 'pg', tables: ["public.it's\\"], names: [] });
    assert.match(config?.content ?? '', /tables: \['public\.it\\'s\\\\'\]/);
  });

  it('write their event through emit, in the transaction of the client', () => {
    const drivers = [project, { ...project, drizzleDriver: 'postgres-js' as const }];
    for (const code of ormNames.flatMap((orm) => drivers.map((facts) => exampleCode(orm, facts, 'x.mts')))) {
      assert.match(code, /transaction[^]*await emit\((client|tx|manager|transaction), events\['order\.placed'\]/);
      assert.doesNotMatch(code, /HANDLE|\bTX\b|outbox/);
    }
  });
});

describe('what init says', () => {
  it('names what a role lacks and which tables cannot be published yet', () => {
    const poor = { ...ready, server: { ...server, mayReplicate: false, mayCreateInDatabase: false } };
    const checks = Object.fromEntries(planInitChecks(project, poor).map(({ id, result, why }) => [id, [result, why]]));
    assert.deepEqual(checks['database.rights'], [
      'warning',
      'the role "owner" lacks REPLICATION and CREATE on the database',
    ]);
    assert.equal(checks['database.tables']?.[0], 'warning');
    assert.equal(checks['database.publications']?.[1], 'headwater (made by Headwater)');
  });

  it('speaks the language of the package manager and names only steps that are left', () => {
    const request = {
      orm: 'pg',
      database: ready,
      sections: [],
      gitignore: '.headwater/\n',
      isUrlFromEnvFile: false,
    } as const;
    const done = { ...project, packageManager: 'pnpm', hasHeadwater: true, hasPg: true } as const;
    assert.deepEqual(planNextSteps({ ...request, project: done }), [
      'check it: pnpm exec headwater doctor',
      'start it: pnpm exec headwater run',
    ]);
    const steps = planNextSteps({ ...request, project, orm: 'knex', gitignore: 'node_modules\n' });
    assert.match(steps.join('\n'), /npm install headwater pg[^]*add \.headwater\/ to \.gitignore/);
  });
});
