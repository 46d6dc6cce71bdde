import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../../../scripts/services/testing.ts';
import { testRoleName } from '../../../../scripts/services/test-roles.ts';
import type { ReceivedMessage } from '../received-message.ts';

/** A database with the inbox's tables and a table of effects, and a pool that may do what an application may. */
export interface InboxStage extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly url: string;
  readonly pool: pg.Pool;
  /** What the handlers have written, in the order of their writing. */
  effects(): Promise<string[]>;
}

export async function openInboxStage(connections = 8): Promise<InboxStage> {
  const database = await createTestDatabase({ major: 18 });
  await database.query('create table effects (place bigserial primary key, text text not null)');
  const url = await database.grantRole('application');
  const role = testRoleName(database.name, 'application');
  await database.query(`grant select, insert on effects to ${role}`);
  await database.query(`grant usage on sequence effects_place_seq to ${role}`);
  const pool = new pg.Pool({ connectionString: url, max: connections });
  pool.on('error', () => undefined);
  return {
    database,
    url,
    pool,
    effects: async () =>
      (await database.query<{ text: string }>('select text from effects order by place')).map(({ text }) => text),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** A message of its own id. */
export function aMessage(fields: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return { id: randomUUID(), sender: 'shop', body: { orderId: '1' }, ...fields };
}

/** How long messages of tests can come again. */
export const dayMs = 86_400_000;
