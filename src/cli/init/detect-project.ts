/** What is read of a project; nothing in it was run. */
export interface ProjectFiles {
  /** The parsed package.json of the directory; undefined: there is none. */
  readonly packageJson: unknown;
  /** `packageManager` of the nearest package.json that has one, the directory's own first. */
  readonly packageManagerField: string | undefined;
  /** Names of lockfiles, those of the nearest directory first. */
  readonly lockfiles: readonly string[];
  /** Names in the directory itself. */
  readonly names: readonly string[];
}

/** Clients and query builders that are told apart, in the order in which one is chosen where a project has several. */
export const ormNames = ['drizzle', 'prisma', 'kysely', 'mikro-orm', 'typeorm', 'sequelize', 'knex', 'pg'] as const;
/** A client or query builder. */
export type OrmName = (typeof ormNames)[number];
/** A web framework. */
export type FrameworkName = 'nest' | 'next' | 'hono' | 'fastify' | 'express';
/** What installs packages. */
export type PackagerName = 'npm' | 'pnpm' | 'yarn' | 'bun';

/** What a project uses, as far as its files tell. */
export interface ProjectFacts {
  readonly packageManager: PackagerName;
  /** All that were found, in the order of `ormNames`. */
  readonly orms: readonly OrmName[];
  readonly frameworks: readonly FrameworkName[];
  /** What Drizzle runs on. */
  readonly drizzleDriver: 'node-postgres' | 'postgres-js';
  readonly hasZod: boolean;
  readonly hasPg: boolean;
  readonly hasHeadwater: boolean;
  /** Whether `.ts` files are ES modules; else the ending must say so: `.mts`. */
  readonly isModule: boolean;
  readonly hasSourceFolder: boolean;
}

const ormPackages: Readonly<Record<OrmName, readonly string[]>> = {
  drizzle: ['drizzle-orm'],
  prisma: ['@prisma/client', 'prisma'],
  kysely: ['kysely'],
  'mikro-orm': ['@mikro-orm/postgresql', '@mikro-orm/core'],
  typeorm: ['typeorm', '@nestjs/typeorm'],
  sequelize: ['sequelize', '@sequelize/core'],
  knex: ['knex'],
  pg: ['pg'],
};

/** A framework that stands on another comes before it: Nest on Fastify or Express. */
const frameworkPackages: readonly (readonly [FrameworkName, readonly string[]])[] = [
  ['nest', ['@nestjs/core']],
  ['next', ['next']],
  ['hono', ['hono']],
  ['fastify', ['fastify']],
  ['express', ['express']],
];

const lockfileOwners: Readonly<Record<string, PackagerName>> = {
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
  'package-lock.json': 'npm',
  'npm-shrinkwrap.json': 'npm',
};

/** Names that tell a package manager. */
export const lockfileNames: readonly string[] = Object.keys(lockfileOwners);

/** Judges what a project uses. Pure; an absent or strange package.json gives what nothing speaks against. */
export function detectProject(files: ProjectFiles): ProjectFacts {
  const packages = packagesOf(files.packageJson);
  const has = (names: readonly string[]): boolean => names.some((name) => packages.has(name));
  return {
    packageManager: detectPackageManager(files),
    orms: ormNames.filter((orm) => has(ormPackages[orm])),
    frameworks: frameworkPackages.filter(([, names]) => has(names)).map(([framework]) => framework),
    drizzleDriver: !packages.has('pg') && packages.has('postgres') ? 'postgres-js' : 'node-postgres',
    hasZod: packages.has('zod'),
    hasPg: packages.has('pg'),
    hasHeadwater: packages.has('headwater'),
    isModule: fieldOf(files.packageJson, 'type') === 'module',
    hasSourceFolder: files.names.includes('src'),
  };
}

function packagesOf(packageJson: unknown): ReadonlySet<string> {
  const fields = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'];
  const lists = fields.map((field) => fieldOf(packageJson, field));
  return new Set(lists.flatMap((list) => (typeof list === 'object' && list !== null ? Object.keys(list) : [])));
}

function detectPackageManager({ packageManagerField, lockfiles }: ProjectFiles): PackagerName {
  const named = /^(npm|pnpm|yarn|bun)@/.exec(packageManagerField ?? '')?.[1];
  const [nearest] = lockfiles.map((name) => lockfileOwners[name]).filter((owner) => owner !== undefined);
  switch (named) {
    case 'npm':
    case 'pnpm':
    case 'yarn':
    case 'bun':
      return named;
    default:
      return nearest ?? 'npm';
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
