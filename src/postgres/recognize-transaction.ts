import { recognizeDrizzleTransaction } from './handles/drizzle.ts';
import { recognizeKnexTransaction } from './handles/knex.ts';
import { recognizeKyselyTransaction } from './handles/kysely.ts';
import { recognizeMikroOrmTransaction } from './handles/mikro-orm.ts';
import { recognizePgTransaction } from './handles/pg.ts';
import { recognizePostgresJsTransaction } from './handles/postgres-js.ts';
import { recognizePrismaTransaction } from './handles/prisma.ts';
import { recognizeSequelizeTransaction } from './handles/sequelize.ts';
import { isObjectOrFunction } from './handles/structure.ts';
import { recognizeTypeOrmTransaction } from './handles/typeorm.ts';
import type { TransactionHandle } from './transaction-handle.ts';

/** Each knows its own library by what no other has, so their order says nothing. */
const recognizers: readonly ((candidate: object) => TransactionHandle | undefined)[] = [
  recognizeKyselyTransaction,
  recognizeDrizzleTransaction,
  recognizePgTransaction,
  recognizePostgresJsTransaction,
  recognizeKnexTransaction,
  recognizeTypeOrmTransaction,
  recognizeSequelizeTransaction,
  recognizeMikroOrmTransaction,
  recognizePrismaTransaction,
];

/** Undefined: no object of a kind that is known here. Runs nothing. */
export function recognizeTransactionHandle(candidate: unknown): TransactionHandle | undefined {
  if (!isObjectOrFunction(candidate)) return undefined;
  for (const recognize of recognizers) {
    const handle = recognize(candidate);
    if (handle !== undefined) return handle;
  }
  return undefined;
}
