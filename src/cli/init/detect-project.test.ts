import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { detectProject, type ProjectFacts, type ProjectFiles } from './detect-project.ts';

const nothing: ProjectFiles = { packageJson: undefined, packageManagerField: undefined, lockfiles: [], names: [] };

/** What the files of real kinds of projects say, and what is to be read from them. */
const cases: readonly (readonly [string, Partial<ProjectFiles>, Partial<ProjectFacts>])[] = [
  ['an empty directory', {}, { packageManager: 'npm', orms: [], frameworks: [], isModule: false, hasHeadwater: false }],
  [
    'Nest with TypeORM on Express, yarn',
    {
      packageJson: {
        dependencies: {
          '@nestjs/core': '^11',
          '@nestjs/platform-express': '^11',
          express: '^5',
          typeorm: '^0.3',
          pg: '^8',
        },
      },
      lockfiles: ['yarn.lock'],
    },
    { packageManager: 'yarn', orms: ['typeorm', 'pg'], frameworks: ['nest', 'express'], hasPg: true },
  ],
  [
    'Next with Prisma, pnpm of the workspace',
    {
      packageJson: { dependencies: { next: '16.0.0', '@prisma/client': '^7' }, devDependencies: { prisma: '^7' } },
      lockfiles: ['pnpm-lock.yaml'],
    },
    { packageManager: 'pnpm', orms: ['prisma'], frameworks: ['next'], hasPg: false },
  ],
  [
    'Hono with Drizzle on postgres.js, bun',
    {
      packageJson: { type: 'module', dependencies: { hono: '^4', 'drizzle-orm': '^0.45', postgres: '^3', zod: '^4' } },
      lockfiles: ['bun.lock'],
      names: ['src', 'package.json'],
    },
    {
      packageManager: 'bun',
      orms: ['drizzle'],
      frameworks: ['hono'],
      drizzleDriver: 'postgres-js',
      hasZod: true,
      isModule: true,
      hasSourceFolder: true,
    },
  ],
  [
    'Drizzle on both drivers goes by node-postgres, which emit knows',
    { packageJson: { dependencies: { 'drizzle-orm': '1', postgres: '3', pg: '8' } } },
    { orms: ['drizzle', 'pg'], drizzleDriver: 'node-postgres' },
  ],
  [
    'Fastify with Kysely and Headwater',
    { packageJson: { dependencies: { fastify: '5', kysely: '0.29', pg: '8', headwater: '0.1' } } },
    { orms: ['kysely', 'pg'], frameworks: ['fastify'], hasHeadwater: true },
  ],
  [
    'MikroORM, Sequelize and Knex side by side, in a fixed order',
    { packageJson: { dependencies: { knex: '3', sequelize: '6', '@mikro-orm/postgresql': '6' } } },
    { orms: ['mikro-orm', 'sequelize', 'knex'] },
  ],
  [
    'packageManager beats lockfiles that were left behind',
    { packageManagerField: 'pnpm@10.1.0+sha512.abc', lockfiles: ['package-lock.json', 'yarn.lock'] },
    { packageManager: 'pnpm' },
  ],
  [
    'an unknown packageManager says nothing',
    { packageManagerField: 'deno@2', lockfiles: ['yarn.lock'] },
    { packageManager: 'yarn' },
  ],
  ['the nearest lockfile counts', { lockfiles: ['package-lock.json', 'pnpm-lock.yaml'] }, { packageManager: 'npm' }],
  ['a package.json that is a list', { packageJson: ['pg'] }, { orms: [], isModule: false }],
  ['dependencies that are no object', { packageJson: { dependencies: 'pg', devDependencies: null } }, { orms: [] }],
  ['names of Object.prototype are no packages', { packageJson: { dependencies: {} } }, { orms: [], hasZod: false }],
];

describe('detecting a project', () => {
  for (const [name, files, expected] of cases) {
    it(`reads ${name}`, () => {
      const facts = detectProject({ ...nothing, ...files });
      const keys = Object.keys(expected) as (keyof ProjectFacts)[];
      assert.deepEqual(Object.fromEntries(keys.map((key) => [key, facts[key]])), expected);
    });
  }
});
