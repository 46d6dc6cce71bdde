import type { DrivenLibrary, DriverKnowledge } from './transaction-driver.ts';

const remembersEnd: DriverKnowledge = { isOpen: false, end: 'by-an-event' };
const forgetsEnd: DriverKnowledge = { isOpen: false, end: 'never' };
const knowsEnd: DriverKnowledge = { isOpen: false, end: 'itself' };

/** Every client library in each way that its users begin transactions. Each is loaded when it is opened. */
export const drivenLibraries: Readonly<Record<string, DrivenLibrary>> = {
  pg: {
    open: async (options) => (await import('./drivers/pg.ts')).drivePg(options),
    knows: { isOpen: true, end: 'by-an-event' },
    autocommitCode: 'HW-EMIT-004',
  },
  'postgres.js': {
    open: async (options) => (await import('./drivers/postgres-js.ts')).drivePostgresJs(options),
    knows: remembersEnd,
    autocommitCode: 'HW-EMIT-004',
    lossSpoils: 'the process',
  },
  'Drizzle on node-postgres': {
    open: async (options) => (await import('./drivers/drizzle.ts')).driveDrizzle(options),
    knows: { isOpen: true, end: 'by-an-event' },
    autocommitCode: 'HW-EMIT-001',
  },
  'Drizzle on postgres.js': {
    open: async (options) => (await import('./drivers/drizzle.ts')).driveDrizzleOnPostgresJs(options),
    knows: remembersEnd,
    connectionsOf: 'postgres.js',
  },
  Kysely: {
    open: async (options) => (await import('./drivers/kysely.ts')).driveKysely(options),
    knows: knowsEnd,
    autocommitCode: 'HW-EMIT-001',
  },
  'Kysely, controlled': {
    open: async (options) => (await import('./drivers/kysely.ts')).driveKyselyControlled(options),
    knows: knowsEnd,
    autocommitCode: 'HW-EMIT-001',
  },
  Knex: {
    open: async (options) => (await import('./drivers/knex.ts')).driveKnex(options),
    knows: forgetsEnd,
  },
  TypeORM: {
    open: async (options) => (await import('./drivers/typeorm.ts')).driveTypeOrm(options),
    knows: forgetsEnd,
    autocommitCode: 'HW-EMIT-004',
  },
  'TypeORM, query runner': {
    open: async (options) => (await import('./drivers/typeorm.ts')).driveTypeOrmRunner(options),
    knows: forgetsEnd,
    connectionsOf: 'TypeORM',
    autocommitCode: 'HW-EMIT-004',
  },
  Sequelize: {
    open: async (options) => (await import('./drivers/sequelize.ts')).driveSequelize(options),
    knows: knowsEnd,
  },
  MikroORM: {
    open: async (options) => (await import('./drivers/mikro-orm.ts')).driveMikroOrm(options),
    knows: knowsEnd,
    lossSpoils: 'a place in the pool',
  },
  'MikroORM, global manager': {
    open: async (options) => (await import('./drivers/mikro-orm.ts')).driveMikroOrmGlobal(options),
    knows: { isOpen: false, end: 'as-a-root' },
    connectionsOf: 'MikroORM',
  },
  Prisma: {
    open: async (options) => (await import('./drivers/prisma.ts')).drivePrisma(options),
    knows: knowsEnd,
  },
};
