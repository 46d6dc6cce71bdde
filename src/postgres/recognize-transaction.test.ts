import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';

import { recognizeTransactionHandle } from './recognize-transaction.ts';

/* Objects of the real libraries, never connected. Transactions of theirs are in the tests with PostgreSQL. */
describe('a transaction object', () => {
  it('is told from a root object by its structure alone', async () => {
    await using pool = Object.assign(new Pool(), { [Symbol.asyncDispose]: () => pool.end() });
    const client = new Client();
    const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const expected: readonly (readonly [unknown, string, boolean])[] = [
      [pool, 'pg', true],
      [client, 'pg', false],
      [drizzle(pool), 'drizzle', true],
      [drizzle(client), 'drizzle', true],
      [kysely, 'kysely', true],
    ];
    for (const [candidate, kind, isRoot] of expected) {
      const handle = recognizeTransactionHandle(candidate);
      assert.deepEqual([handle?.kind, handle?.isRoot], [kind, isRoot]);
      assert.equal(handle?.transactionState, 'unknown');
    }
  });

  it('is not seen in anything else', () => {
    const others = [undefined, null, 1, 'begin', {}, [], () => undefined, new Map(), { query: () => undefined }];
    for (const other of others) assert.equal(recognizeTransactionHandle(other), undefined);
    // A Drizzle transaction of another driver than node-postgres: its `execute` speaks another protocol.
    const method = (): void => undefined;
    const foreign = { execute: method, transaction: method, rollback: method, dialect: {}, session: { client: {} } };
    assert.equal(recognizeTransactionHandle(foreign), undefined);
  });
});
