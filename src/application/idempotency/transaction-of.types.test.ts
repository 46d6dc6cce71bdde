import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Kysely, Transaction } from 'kysely';
import type { Pool, PoolClient } from 'pg';

import type { TransactionOf } from './transaction-of.ts';

type Equal<Left, Right> = [Left, Right] extends [Right, Left] ? true : false;

interface Tables {
  readonly orders: { readonly id: string };
}

const verdicts: readonly true[] = [
  true satisfies Equal<TransactionOf<Pool>, PoolClient>,
  true satisfies Equal<TransactionOf<Kysely<Tables>>, Transaction<Tables>>,
  true satisfies Equal<TransactionOf<NodePgDatabase>, Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]>,
  true satisfies Equal<TransactionOf<string>, unknown>,
];

test('an operation is given the transaction of the library that it was made over, by its type', () => {
  assert.equal(verdicts.length, 4);
});
