import type { DatabaseHandle } from './database-handle.ts';
import { recognizeDrizzleDatabase } from './handles/drizzle.ts';
import { recognizeKyselyDatabase } from './handles/kysely.ts';
import { recognizePgDatabase } from './handles/pg.ts';
import { isObject } from './handles/structure.ts';

/** Undefined: no pool or root object of a kind that is known here, a transaction for one. Runs nothing. */
export function recognizeDatabaseHandle(candidate: unknown): DatabaseHandle | undefined {
  if (!isObject(candidate)) return undefined;
  return recognizeKyselyDatabase(candidate) ?? recognizeDrizzleDatabase(candidate) ?? recognizePgDatabase(candidate);
}
