import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

import { recognizeTransactionHandle } from './recognize-transaction.ts';

/* Objects of the real libraries, never connected. Transactions of theirs are in the tests with PostgreSQL. */
describe('a transaction object', () => {
  it('is told from a root object by its structure alone', async () => {
    await using pool = Object.assign(new Pool(), { [Symbol.asyncDispose]: () => pool.end() });
    const client = new Client();
    const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const sql = postgres('postgres://nowhere/none');
    const dataSource = new DataSource({ type: 'postgres' });
    const expected: readonly (readonly [unknown, string, boolean, string?])[] = [
      [pool, 'pg', true],
      [client, 'pg', false],
      [drizzle(pool), 'drizzle', true],
      [drizzle(client), 'drizzle', true],
      [kysely, 'kysely', true],
      [sql, 'postgres.js', true],
      [drizzlePostgresJs(sql), 'drizzle', true],
      [knex({ client: 'pg' }), 'knex', true],
      [dataSource, 'typeorm', true],
      [dataSource.manager, 'typeorm', true],
      [dataSource.createQueryRunner(), 'typeorm', false, 'not-in-transaction'],
      [new Sequelize({ dialect: 'postgres' }), 'sequelize', true],
    ];
    for (const [candidate, kind, isRoot, state = 'unknown'] of expected) {
      const handle = recognizeTransactionHandle(candidate);
      assert.deepEqual([handle?.kind, handle?.isRoot, handle?.transactionState], [kind, isRoot, state]);
    }
  });

  it('is not seen in anything else', () => {
    const others = [undefined, null, 1, 'begin', {}, [], () => undefined, new Map(), { query: () => undefined }];
    for (const other of others) assert.equal(recognizeTransactionHandle(other), undefined);
    // A Drizzle transaction of another driver than node-postgres: its `execute` speaks another protocol.
    const method = (): void => undefined;
    const foreign = { execute: method, transaction: method, rollback: method, dialect: {}, session: { client: {} } };
    assert.equal(recognizeTransactionHandle(foreign), undefined);
    // Libraries that speak to other databases, too.
    const mysql = { value: { type: 'mysql' } };
    const onMysql: readonly unknown[] = [
      Object.assign(() => undefined, { raw: method, transaction: method, client: { dialect: 'mysql' } }),
      Object.create(new DataSource({ type: 'postgres' }), { options: mysql }),
      Object.create(new Sequelize({ dialect: 'postgres' }), { getDialect: { value: () => 'mysql' } }),
    ];
    for (const other of onMysql) assert.equal(recognizeTransactionHandle(other), undefined);
  });
});
