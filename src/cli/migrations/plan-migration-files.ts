import { HeadwaterError } from '../../foundation/error.ts';
import type { MigrationSql } from '../../postgres/database-objects.ts';
import type { PlannedFile } from '../new-files.ts';

/*
 * Headwater's migrations in the form that another tool takes. Each migration is one file of that tool, with a name that ends in
 * `headwater_<version>`: by that name a second run finds it and leaves it alone. Everything is planned from what the directory
 * holds; nothing is read or written here. The forms:
 *   Flyway       V<version>__<name>.sql, https://documentation.red-gate.com/fd/versioned-migrations-273973333.html
 *   drizzle-kit  <index>_<name>.sql, statements parted by `--> statement-breakpoint`, and an entry in meta/_journal.json
 *   Prisma       <timestamp>_<name>/migration.sql, and migration_lock.toml
 */

/** Tools whose form is known. */
export const migrationFormats = ['flyway', 'drizzle', 'prisma'] as const;
/** A tool whose form is known. */
export type MigrationFormat = (typeof migrationFormats)[number];

/** What the directory of the other tool holds, and the time. */
export interface MigrationDirectory {
  /** Names of its files and directories. */
  readonly names: readonly string[];
  /** Text of drizzle's meta/_journal.json, where there is one. */
  readonly drizzleJournal?: string | undefined;
  /** In milliseconds since 1970. */
  readonly now: number;
}

/** The files that bring the migrations into a directory. Empty names and versions are the tool's own. @throws HW-SETUP-006 */
export function planMigrationFiles(
  format: MigrationFormat,
  migrations: readonly MigrationSql[],
  directory: MigrationDirectory,
): readonly PlannedFile[] {
  return planners[format](migrations, directory);
}

type Planner = (migrations: readonly MigrationSql[], directory: MigrationDirectory) => readonly PlannedFile[];

const planners: Readonly<Record<MigrationFormat, Planner>> = {
  flyway: planFlyway,
  drizzle: planDrizzle,
  prisma: planPrisma,
};

function planFlyway(migrations: readonly MigrationSql[], { names, now }: MigrationDirectory): readonly PlannedFile[] {
  const versions = names.map((name) => /^V(\d+)[\d._]*?__/.exec(name)?.[1]).filter((version) => version !== undefined);
  const last = versions.map(BigInt).reduce((most, version) => (version > most ? version : most), 0n);
  // Whoever counts is counted on; whoever dates gets a date behind the last one.
  const isDated = last >= 10_000_000n;
  const first = isDated ? maxOf(last + 1n, BigInt(timestampOf(now))) : last + 1n;
  return missingIn(names, migrations, /^V.+__headwater_(\d+)\.sql$/).map((migration, index) => ({
    path: `V${first + BigInt(index)}__headwater_${migration.version}.sql`,
    content: sqlText(migration, ''),
  }));
}

function planPrisma(migrations: readonly MigrationSql[], { names, now }: MigrationDirectory): readonly PlannedFile[] {
  const dates = names.map((name) => /^(\d{14})_/.exec(name)?.[1]).filter((date) => date !== undefined);
  const last = dates.map(BigInt).reduce((most, date) => (date > most ? date : most), 0n);
  const first = maxOf(last + 1n, BigInt(timestampOf(now)));
  const files = missingIn(names, migrations, /^\d{14}_headwater_(\d+)$/).map((migration, index) => ({
    path: `${first + BigInt(index)}_headwater_${migration.version}/migration.sql`,
    content: sqlText(migration, ''),
  }));
  if (files.length === 0) return [];
  const lock = { path: 'migration_lock.toml', content: '# Made for Prisma Migrate.\nprovider = "postgresql"\n' };
  return names.includes(lock.path) ? files : [lock, ...files];
}

interface DrizzleEntry {
  readonly idx: number;
  readonly when: number;
  readonly tag: string;
}

function planDrizzle(migrations: readonly MigrationSql[], directory: MigrationDirectory): readonly PlannedFile[] {
  const journal = readDrizzleJournal(directory);
  // By the journal, not by the files: drizzle runs nothing else, and an interrupted run wrote its files first.
  const tags = journal.entries.map(({ tag }) => tag);
  const missing = missingIn(tags, migrations, /^\d{4,}_headwater_(\d+)$/);
  if (missing.length === 0) return [];
  const nextIndex = Math.max(-1, ...journal.entries.map(({ idx }) => idx)) + 1;
  // The migrator runs what is newer than the newest that it ran.
  const firstTime = Math.max(directory.now, ...journal.entries.map(({ when }) => when + 1));
  const added = missing.map((migration, index) => ({
    idx: nextIndex + index,
    version: journal.version,
    when: firstTime + index,
    tag: `${String(nextIndex + index).padStart(4, '0')}_headwater_${migration.version}`,
    breakpoints: true,
  }));
  const written = { ...journal.whole, entries: [...journal.entries, ...added] };
  return [
    ...missing.map((migration, index) => ({
      path: `${added[index]?.tag}.sql`,
      content: sqlText(migration, '--> statement-breakpoint'),
    })),
    { path: 'meta/_journal.json', content: JSON.stringify(written, undefined, 2), replace: 'rewritten' },
  ];
}

function readDrizzleJournal({ drizzleJournal, names }: MigrationDirectory): {
  readonly whole: object;
  readonly version: string;
  readonly entries: readonly DrizzleEntry[];
} {
  if (drizzleJournal === undefined) {
    if (names.some((name) => name.endsWith('.sql') && !/^\d{4,}_headwater_\d+\.sql$/.test(name)))
      throw new HeadwaterError(
        'HW-SETUP-006',
        'the directory holds .sql files and no meta/_journal.json of drizzle-kit',
      );
    return { whole: { version: '7', dialect: 'postgresql' }, version: '7', entries: [] };
  }
  const whole = parseJson(drizzleJournal);
  const version: unknown = isObject(whole) ? Reflect.get(whole, 'version') : undefined;
  const entries: unknown = isObject(whole) ? Reflect.get(whole, 'entries') : undefined;
  const isKnown = isObject(whole) && typeof version === 'string' && Array.isArray(entries) && entries.every(isEntry);
  if (!isKnown)
    throw new HeadwaterError('HW-SETUP-006', 'meta/_journal.json is not of the form that drizzle-kit writes');
  if (Reflect.get(whole, 'dialect') !== 'postgresql') {
    throw new HeadwaterError(
      'HW-SETUP-006',
      `meta/_journal.json is of the dialect ${String(Reflect.get(whole, 'dialect'))}`,
    );
  }
  return { whole, version, entries };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeadwaterError('HW-SETUP-006', 'meta/_journal.json is no JSON', { cause });
  }
}

function isEntry(entry: unknown): entry is DrizzleEntry {
  if (!isObject(entry) || typeof Reflect.get(entry, 'tag') !== 'string') return false;
  return typeof Reflect.get(entry, 'idx') === 'number' && typeof Reflect.get(entry, 'when') === 'number';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The migrations that no name says are there. */
function missingIn(
  names: readonly string[],
  migrations: readonly MigrationSql[],
  pattern: RegExp,
): readonly MigrationSql[] {
  const found = new Set(names.map((name) => Number(pattern.exec(name)?.[1] ?? Number.NaN)));
  return migrations.filter(({ version }) => !found.has(version));
}

function sqlText({ version, summary, statements }: MigrationSql, separator: string): string {
  const joint = separator === '' ? ';\n\n' : `;\n${separator}\n`;
  return `-- Headwater's database objects, version ${version}: ${summary}.\n${statements.join(joint)};\n`;
}

/** `20261127093000` in UTC, as the tools write it. */
function timestampOf(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
}

function maxOf(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
