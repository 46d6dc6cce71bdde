import assert from 'node:assert/strict';
import { it } from 'node:test';

import type { EntityManager as MikroOrmManager, SqlEntityManager } from '@mikro-orm/postgresql';
import type { NodePgDatabase, NodePgTransaction } from 'drizzle-orm/node-postgres';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Knex } from 'knex';
import type { ControlledTransaction, Kysely, Transaction } from 'kysely';
import type { Client, Pool, PoolClient } from 'pg';
import type { ReservedSql, Sql, TransactionSql } from 'postgres';
import type { Sequelize, Transaction as SequelizeTransaction } from 'sequelize';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { z } from 'zod';

import type { Emit } from './emit.ts';
import type { EventSchema } from './event-schema.ts';
import { defineEvents, type EventInput, type EventPayload } from './events.ts';
import type { PrismaClient, PrismaTransaction } from '../testing/drivers/prisma-client.ts';

/*
 * What the compiler refuses before anything runs. A line below `@ts-expect-error` that compiles is an error of the type check,
 * so these are tests, although their functions are never called.
 */
const events = defineEvents({
  'order.placed': z.object({ orderId: z.string(), total: z.coerce.number() }),
  'order.shipped': { schema: z.object({ orderId: z.string() }), schemaVersion: 2 },
});

type Schema = { readonly orders: Readonly<Record<string, unknown>> };

interface Objects {
  readonly client: Client;
  readonly poolClient: PoolClient;
  readonly pool: Pool;
  readonly drizzleDb: NodePgDatabase;
  readonly drizzleDbWithSchema: NodePgDatabase<Schema>;
  readonly drizzleTx: NodePgTransaction<Record<string, never>, Record<string, never>>;
  readonly kysely: Kysely<unknown>;
  readonly kyselyTx: Transaction<{ readonly orders: { readonly id: string } }>;
  readonly controlledTx: ControlledTransaction<unknown, ['inner']>;
  readonly sql: Sql;
  readonly sqlTx: TransactionSql<{ readonly point: string }>;
  readonly reservedSql: ReservedSql;
  readonly postgresJsDb: PostgresJsDatabase<Schema>;
  readonly knex: Knex;
  readonly knexTx: Knex.Transaction<Schema>;
  readonly dataSource: DataSource;
  readonly manager: EntityManager;
  readonly runner: QueryRunner;
  readonly sequelize: Sequelize;
  readonly sequelizeTx: SequelizeTransaction;
  readonly em: MikroOrmManager;
  readonly sqlEm: SqlEntityManager;
  readonly prisma: PrismaClient;
  readonly prismaTx: PrismaTransaction;
}

export async function acceptsTransactions(emit: Emit, objects: Objects): Promise<void> {
  const payload = { orderId: '1', total: 2 };
  await emit(objects.client, events['order.placed'], payload, { key: '1' });
  await emit(objects.poolClient, events['order.placed'], payload, { key: null });
  await emit(objects.drizzleTx, events['order.placed'], payload, { key: '1', tenant: 'north' });
  await emit(objects.kyselyTx, events['order.placed'], payload, { key: '1', mode: 'outbox' });
  await emit(objects.controlledTx, events['order.placed'], payload, { key: '1' });
  await objects.drizzleDb.transaction((tx) => emit(tx, events['order.shipped'], { orderId: '1' }, { key: '1' }));
  await objects.drizzleDbWithSchema.transaction((tx) =>
    emit(tx, events['order.shipped'], { orderId: '1' }, { key: '1' }),
  );
  await objects.kysely.transaction().execute((tx) => emit(tx, events['order.shipped'], { orderId: '1' }, { key: '1' }));
  await emit(objects.sqlTx, events['order.placed'], payload, { key: '1' });
  await objects.sql.begin((tx) => tx.savepoint((inner) => emit(inner, events['order.placed'], payload, { key: '1' })));
  await emit(objects.reservedSql, events['order.placed'], payload, { key: '1' });
  await objects.postgresJsDb.transaction((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  await emit(objects.knexTx, events['order.placed'], payload, { key: '1' });
  await objects.knex.transaction((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  await objects.dataSource.transaction((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  await emit(objects.runner, events['order.placed'], payload, { key: '1' });
  await emit(objects.sequelizeTx, events['order.placed'], payload, { key: '1' });
  await objects.sequelize.transaction((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  await objects.em.transactional((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  await emit(objects.prismaTx, events['order.placed'], payload, { key: '1' });
  await objects.prisma.$transaction((tx) => emit(tx, events['order.placed'], payload, { key: '1' }));
  // Only the run can refuse a manager outside of a transaction: its type is that of the one inside.
  await emit(objects.em, events['order.placed'], payload, { key: '1' });
  await emit(objects.sqlEm, events['order.placed'], payload, { key: '1' });
  await emit(objects.manager, events['order.placed'], payload, { key: '1' });
}

export async function refusesRoots(emit: Emit, objects: Objects): Promise<void> {
  const event = events['order.shipped'];
  const payload = { orderId: '1' };
  // @ts-expect-error a pool is no transaction
  await emit(objects.pool, event, payload, { key: '1' });
  // @ts-expect-error Drizzle's database object is no transaction
  await emit(objects.drizzleDb, event, payload, { key: '1' });
  // @ts-expect-error nor with a schema
  await emit(objects.drizzleDbWithSchema, event, payload, { key: '1' });
  // @ts-expect-error Kysely itself is no transaction
  await emit(objects.kysely, event, payload, { key: '1' });
  // @ts-expect-error the root of postgres.js is no transaction
  await emit(objects.sql, event, payload, { key: '1' });
  // @ts-expect-error nor is Drizzle's on postgres.js
  await emit(objects.postgresJsDb, event, payload, { key: '1' });
  // @ts-expect-error Knex itself is no transaction
  await emit(objects.knex, event, payload, { key: '1' });
  // @ts-expect-error a data source of TypeORM is no transaction
  await emit(objects.dataSource, event, payload, { key: '1' });
  // @ts-expect-error Sequelize itself is no transaction
  await emit(objects.sequelize, event, payload, { key: '1' });
  // @ts-expect-error a PrismaClient is no transaction
  await emit(objects.prisma, event, payload, { key: '1' });
  // @ts-expect-error nothing is no transaction
  await emit(undefined, event, payload, { key: '1' });
}

export async function refusesWrongEvents(emit: Emit, { client }: Objects): Promise<void> {
  // @ts-expect-error the catalogue has no such event
  await emit(client, events['order.lost'], {}, { key: '1' });
  // @ts-expect-error a field of the payload is missing
  await emit(client, events['order.shipped'], {}, { key: '1' });
  // @ts-expect-error a field of the payload has another type
  await emit(client, events['order.shipped'], { orderId: 1 }, { key: '1' });
  // @ts-expect-error whether an event has a key is said, not forgotten
  await emit(client, events['order.shipped'], { orderId: '1' }, {});
  // @ts-expect-error there is no such mode
  await emit(client, events['order.shipped'], { orderId: '1' }, { key: '1', mode: 'table' });
}

it('types a payload by the input of its schema for writers, and by the output for readers', () => {
  const input: EventInput<(typeof events)['order.placed']> = { orderId: '1', total: '12' };
  const output: EventPayload<(typeof events)['order.placed']> = { orderId: '1', total: 12 };
  // @ts-expect-error the output's total is a number
  const wrong: EventPayload<(typeof events)['order.placed']> = { orderId: '1', total: '12' };
  const type: 'order.placed' = events['order.placed'].type;
  assert.deepEqual([input.orderId, output.total, wrong.orderId, type], ['1', 12, '1', 'order.placed']);
});

it('takes the schemas of a library that follows Standard Schema, and none that takes another input', () => {
  const right: EventSchema<string, number> = z.string().transform(Number);
  // @ts-expect-error the schema's input is a number
  const wrong: EventSchema<string, number> = z.number();
  assert.deepEqual([right['~standard'].version, wrong['~standard'].version], [1, 1]);
});
