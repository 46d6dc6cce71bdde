import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { SqlEntityManager } from '@mikro-orm/postgresql';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Knex } from 'knex';
import type { Kysely, Transaction } from 'kysely';
import type { Client, Pool, PoolClient } from 'pg';
import type { Sql, TransactionSql } from 'postgres';
import type { Sequelize, Transaction as SequelizeTransaction } from 'sequelize';
import type { DataSource, EntityManager } from 'typeorm';

import type { PrismaClient, PrismaTransaction } from '../testing/drivers/prisma-client.ts';
import type { Transact } from './transact.ts';
import type { TransactionOf } from './transaction-of.ts';

interface Tables {
  readonly orders: { readonly id: string };
}

type Same<Left, Right> = [Left, Right] extends [Right, Left] ? true : false;
type DrizzleTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

/** Compiled, never run. */
export async function compiles(
  transact: Transact,
  objects: { pool: Pool; client: Client; drizzle: NodePgDatabase; kysely: Kysely<Tables> },
): Promise<void> {
  const { result } = await transact(objects.pool, async (tx) => (await tx.query<Tables['orders']>('select 1')).rows);
  const rows: Tables['orders'][] = result;
  const drizzle = await transact(objects.drizzle, async (tx, { attempt }) => {
    await tx.execute('select 1');
    return attempt;
  });
  const attempt: number = drizzle.result;
  await transact(objects.kysely, (tx) => tx.selectFrom('orders').select('id').execute());
  // @ts-expect-error -- no such table
  await transact(objects.kysely, (tx) => tx.selectFrom('lines').selectAll().execute());
  // @ts-expect-error -- a single connection has an unknown transaction: nothing can be done with it
  await transact(objects.client, (tx) => tx.query('select 1'));
  return void [rows, attempt];
}

test('the callback of transact is given the own transaction type of each library', () => {
  const pg: Same<TransactionOf<Pool>, PoolClient> = true;
  const drizzle: Same<TransactionOf<NodePgDatabase>, DrizzleTransaction> = true;
  const kysely: Same<TransactionOf<Kysely<Tables>>, Transaction<Tables>> = true;
  const postgresJs: Same<TransactionOf<Sql>, TransactionSql> = true;
  const knex: Same<TransactionOf<Knex>, Knex.Transaction> = true;
  const typeOrm: Same<TransactionOf<DataSource>, EntityManager> = true;
  const sequelize: Same<TransactionOf<Sequelize>, SequelizeTransaction> = true;
  const mikroOrm: Same<TransactionOf<SqlEntityManager>, SqlEntityManager> = true;
  const prisma: Same<TransactionOf<PrismaClient>, PrismaTransaction> = true;
  const nothing: Same<TransactionOf<string>, unknown> = true;
  const client: Same<TransactionOf<Client>, unknown> = true;
  for (const isSame of [pg, drizzle, kysely, postgresJs, knex, typeOrm, sequelize, mikroOrm, prisma, nothing, client]) {
    assert.ok(isSame);
  }
});
