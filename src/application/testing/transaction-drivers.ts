import { driveDrizzle, driveDrizzleOnPostgresJs } from './drivers/drizzle.ts';
import { driveKnex } from './drivers/knex.ts';
import { driveKysely, driveKyselyControlled } from './drivers/kysely.ts';
import { driveMikroOrm, driveMikroOrmGlobal } from './drivers/mikro-orm.ts';
import { drivePg } from './drivers/pg.ts';
import { drivePostgresJs } from './drivers/postgres-js.ts';
import { drivePrisma } from './drivers/prisma.ts';
import { driveSequelize } from './drivers/sequelize.ts';
import { driveTypeOrm, driveTypeOrmRunner } from './drivers/typeorm.ts';
import type { DrivenLibrary, DriverKnowledge } from './transaction-driver.ts';

const remembersEnd: DriverKnowledge = { isOpen: false, end: 'by-an-event' };
const knowsEnd: DriverKnowledge = { isOpen: false, end: 'itself' };

/** Every client library in each way that its users begin transactions. */
export const drivenLibraries: Readonly<Record<string, DrivenLibrary>> = {
  pg: { open: drivePg, knows: { isOpen: true, end: 'by-an-event' }, autocommitCode: 'HW-EMIT-004' },
  'postgres.js': { open: drivePostgresJs, knows: remembersEnd, autocommitCode: 'HW-EMIT-004' },
  'Drizzle on node-postgres': {
    open: driveDrizzle,
    knows: { isOpen: true, end: 'by-an-event' },
    autocommitCode: 'HW-EMIT-001',
  },
  'Drizzle on postgres.js': { open: driveDrizzleOnPostgresJs, knows: remembersEnd },
  Kysely: { open: driveKysely, knows: knowsEnd, autocommitCode: 'HW-EMIT-001' },
  'Kysely, controlled': { open: driveKyselyControlled, knows: knowsEnd, autocommitCode: 'HW-EMIT-001' },
  Knex: { open: driveKnex, knows: { isOpen: false, end: 'never' } },
  TypeORM: { open: driveTypeOrm, knows: remembersEnd, autocommitCode: 'HW-EMIT-004' },
  Sequelize: { open: driveSequelize, knows: knowsEnd },
  MikroORM: { open: driveMikroOrm, knows: knowsEnd },
  'MikroORM, global manager': { open: driveMikroOrmGlobal, knows: { isOpen: false, end: 'as-a-root' } },
  Prisma: { open: drivePrisma, knows: knowsEnd },
  'TypeORM, query runner': { open: driveTypeOrmRunner, knows: remembersEnd, autocommitCode: 'HW-EMIT-004' },
};
