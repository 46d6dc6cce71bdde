import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import type { MigrationSql } from '../../postgres/database-objects.ts';
import { type MigrationDirectory, type MigrationFormat, planMigrationFiles } from './plan-migration-files.ts';

const migrations: readonly MigrationSql[] = [1, 2].map((version) => ({
  version,
  summary: `step ${version}`,
  compatibility: 'compatible',
  statements: [`create table t${version} ()`, `comment on table t${version} is ';'`],
}));
const now = Date.UTC(2026, 10, 27, 9, 30);

function pathsOf(format: MigrationFormat, directory: Partial<MigrationDirectory>): readonly string[] {
  return planMigrationFiles(format, migrations, { names: [], now, ...directory }).map(({ path }) => path);
}

const entry = { idx: 6, version: '7', when: now + 5000, tag: '0006_users', breakpoints: true };
const journal = (...entries: readonly object[]): string =>
  JSON.stringify({ version: '7', dialect: 'postgresql', entries });

describe('migrations for another tool', () => {
  const cases: readonly (readonly [string, MigrationFormat, Partial<MigrationDirectory>, readonly string[]])[] = [
    ['Flyway counts from one', 'flyway', {}, ['V1__headwater_1.sql', 'V2__headwater_2.sql']],
    [
      'Flyway counts on from the highest, minor numbers and repeatables aside',
      'flyway',
      { names: ['V9__a.sql', 'V10_2__b.sql', 'R__view.sql', 'U99__x.sql'] },
      ['V11__headwater_1.sql', 'V12__headwater_2.sql'],
    ],
    [
      'Flyway dates where it was dated',
      'flyway',
      { names: ['V20250101000000__a.sql'] },
      ['V20261127093000__headwater_1.sql', 'V20261127093001__headwater_2.sql'],
    ],
    [
      'Flyway dates behind a later date',
      'flyway',
      { names: ['V20300101000000__a.sql'] },
      ['V20300101000001__headwater_1.sql', 'V20300101000002__headwater_2.sql'],
    ],
    ['Flyway adds only what is new', 'flyway', { names: ['V3__headwater_1.sql'] }, ['V4__headwater_2.sql']],
    ['Flyway has all', 'flyway', { names: ['V3__headwater_1.sql', 'V4__headwater_2.sql'] }, []],
    [
      'Prisma dates, and gets its lock',
      'prisma',
      {},
      ['migration_lock.toml', '20261127093000_headwater_1/migration.sql', '20261127093001_headwater_2/migration.sql'],
    ],
    [
      'Prisma keeps its lock and goes behind the last one',
      'prisma',
      { names: ['migration_lock.toml', '20300101000000_init'] },
      ['20300101000001_headwater_1/migration.sql', '20300101000002_headwater_2/migration.sql'],
    ],
    ['Prisma has all', 'prisma', { names: ['20261127093000_headwater_1', '20261127093001_headwater_2'] }, []],
    ['Drizzle begins', 'drizzle', {}, ['0000_headwater_1.sql', '0001_headwater_2.sql', 'meta/_journal.json']],
    [
      'Drizzle goes on behind its journal',
      'drizzle',
      { drizzleJournal: journal(entry) },
      ['0007_headwater_1.sql', '0008_headwater_2.sql', 'meta/_journal.json'],
    ],
    [
      'Drizzle is told of files that an interrupted run left without an entry',
      'drizzle',
      { names: ['0000_headwater_1.sql', '0001_headwater_2.sql'] },
      ['0000_headwater_1.sql', '0001_headwater_2.sql', 'meta/_journal.json'],
    ],
    [
      'Drizzle has all',
      'drizzle',
      { drizzleJournal: journal({ ...entry, tag: '0006_headwater_1' }, { ...entry, idx: 7, tag: '0007_headwater_2' }) },
      [],
    ],
  ];
  for (const [name, format, directory, expected] of cases) {
    it(`are named so that ${name}`, () => assert.deepEqual(pathsOf(format, directory), expected));
  }

  it('are run by Drizzle after everything that it ran: later than the last entry, whatever the clock says', () => {
    const files = planMigrationFiles('drizzle', migrations, { names: [], now, drizzleJournal: journal(entry) });
    const written = JSON.parse(files.at(-1)?.content ?? '') as { entries: { when: number; tag: string }[] };
    assert.deepEqual(
      written.entries.map(({ when }) => when),
      [now + 5000, now + 5001, now + 5002],
    );
    assert.equal(files.at(-1)?.replace, 'rewritten');
    assert.match(files[0]?.content ?? '', /create table t1 \(\);\n--> statement-breakpoint\ncomment on/);
  });

  it('are refused for a directory that is not of the tool', () => {
    const refused: readonly Partial<MigrationDirectory>[] = [
      { names: ['0000_users.sql'] },
      { drizzleJournal: '{' },
      { drizzleJournal: '[]' },
      { drizzleJournal: '{"version":"7","dialect":"mysql","entries":[]}' },
      { drizzleJournal: journal({ idx: 0 }) },
    ];
    for (const directory of refused) {
      assert.throws(
        () => pathsOf('drizzle', directory),
        (error) => error instanceof HeadwaterError && error.code === 'HW-SETUP-006',
      );
    }
  });
});
