import type { DatabaseHandle } from './database-handle.ts';
import { recognizeDrizzleDatabase } from './handles/drizzle.ts';
import { recognizeKnexDatabase } from './handles/knex.ts';
import { recognizeKyselyDatabase } from './handles/kysely.ts';
import { recognizeMikroOrmDatabase } from './handles/mikro-orm.ts';
import { recognizePgDatabase } from './handles/pg.ts';
import { recognizePostgresJsDatabase } from './handles/postgres-js.ts';
import { recognizePrismaDatabase } from './handles/prisma.ts';
import { recognizeSequelizeDatabase } from './handles/sequelize.ts';
import { isObjectOrFunction } from './handles/structure.ts';
import { recognizeTypeOrmDatabase } from './handles/typeorm.ts';

/** Each knows its own library by what no other has, so their order says nothing. */
const recognizers: readonly ((candidate: object) => DatabaseHandle | undefined)[] = [
  recognizeKyselyDatabase,
  recognizeDrizzleDatabase,
  recognizePgDatabase,
  recognizePostgresJsDatabase,
  recognizeKnexDatabase,
  recognizeTypeOrmDatabase,
  recognizeSequelizeDatabase,
  recognizeMikroOrmDatabase,
  recognizePrismaDatabase,
];

/** Undefined: no pool or root object of a kind that is known here, a transaction for one. Runs nothing. */
export function recognizeDatabaseHandle(candidate: unknown): DatabaseHandle | undefined {
  if (!isObjectOrFunction(candidate)) return undefined;
  for (const recognize of recognizers) {
    const handle = recognize(candidate);
    if (handle !== undefined) return handle;
  }
  return undefined;
}
