import { recognizeDrizzleTransaction } from './handles/drizzle.ts';
import { recognizeKyselyTransaction } from './handles/kysely.ts';
import { recognizePgTransaction } from './handles/pg.ts';
import { isObject } from './handles/structure.ts';
import type { TransactionHandle } from './transaction-handle.ts';

/** Undefined: no object of a kind that is known here. Runs nothing. */
export function recognizeTransactionHandle(candidate: unknown): TransactionHandle | undefined {
  if (!isObject(candidate)) return undefined;
  return (
    recognizeKyselyTransaction(candidate) ?? recognizeDrizzleTransaction(candidate) ?? recognizePgTransaction(candidate)
  );
}
