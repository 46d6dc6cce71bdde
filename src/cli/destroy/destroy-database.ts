import { z } from 'zod';

import { publicationMark } from '../../capture/postgres/source/setup.sql.ts';
import type { Connection, QueryRow } from '../../postgres/connection.ts';
import { runAsOwner } from '../owner-connection.ts';
import { destroyFactsSql } from './destroy-facts.sql.ts';
import type { DestroyFacts, DestroyRequest, DestroyStep } from './plan-destroy.ts';

const factsSchema: z.ZodType<DestroyFacts> = z.object({
  databaseName: z.string(),
  roleName: z.string(),
  mayDropSlot: z.boolean(),
  slot: z
    .object({
      name: z.string(),
      plugin: z.string().nullable(),
      database: z.string().nullable(),
      activePid: z.number().nullable(),
      retainedBytes: z.string().nullable(),
    })
    .optional(),
  otherSlots: z.array(z.string()),
  publication: z.object({ name: z.string(), isOurs: z.boolean(), mayDrop: z.boolean() }).optional(),
  schema: z.object({ name: z.string(), mayDrop: z.boolean(), objects: z.array(z.string()) }).optional(),
});

/** Reads what is there of an installation. Changes nothing. @throws HW-SOURCE codes */
export async function readDestroyFacts(
  connection: Connection,
  names: Pick<DestroyRequest, 'slotName' | 'publicationName' | 'schemaName'>,
  signal: AbortSignal,
): Promise<DestroyFacts> {
  const values = [names.slotName, names.publicationName, names.schemaName, publicationMark];
  const [row = {}] = await connection.query(destroyFactsSql, values, signal);
  return factsSchema.parse({
    databaseName: row['database_name'],
    roleName: row['role_name'],
    mayDropSlot: row['may_drop_slot'] === 'true',
    slot: parseColumn(row, 'slot'),
    otherSlots: parseColumn(row, 'other_slots'),
    publication: parseColumn(row, 'publication'),
    schema: parseColumn(row, 'schema'),
  });
}

/**
 * Drops what the plan says in one transaction, the slot last: its end cannot be rolled back, and once it is gone nothing is
 * left that could fail. What was dropped by an interrupted run is absent for the next.
 * @throws HW-SOURCE-012 when someone began to read the slot in between, HW-SETUP-003
 */
export async function applyDestroy(
  connection: Connection,
  steps: readonly DestroyStep[],
  signal: AbortSignal,
): Promise<void> {
  const run = (text: string): Promise<readonly QueryRow[]> => runAsOwner(connection, text, signal);
  const ordered = [...steps.filter(({ kind }) => kind !== 'slot'), ...steps.filter(({ kind }) => kind === 'slot')];
  await run('begin');
  try {
    for (const { statement } of ordered) if (statement !== undefined) await run(statement);
    await run('commit');
  } catch (thrown) {
    // The first error is the one to report; a connection that is gone has rolled back by itself.
    await connection.query('rollback').catch(() => undefined);
    throw thrown;
  }
}

function parseColumn(row: QueryRow, name: string): unknown {
  const text = row[name];
  return text === null || text === undefined ? undefined : JSON.parse(text);
}
