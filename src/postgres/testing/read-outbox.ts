import type { TestDatabase } from '../../../scripts/services/testing.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import { eventFromOutboxRow } from '../../model/outbox-row.ts';

/** The rows of `headwater.outbox` as a decoder sees them, by the text of each column, in the order of their writes. */
export async function readOutbox(database: TestDatabase): Promise<DomainEvent[]> {
  await database.query(`set timezone = 'UTC'`);
  const columns = await database.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'headwater.outbox'::regclass and attnum > 0 and not attisdropped order by attnum`,
  );
  const list = columns.map(({ name }) => `${name}::text`).join(', ');
  const rows = await database.query<Record<string, string | null>>(
    `select ${list} from headwater.outbox order by xmin::text::bigint, cmin::text::bigint`,
  );
  const table = {
    relationId: 1,
    schemaName: 'headwater',
    tableName: 'outbox',
    replicaIdentity: 'default' as const,
    columns: columns.map(({ name }) => ({ name, typeOid: 25, typeModifier: -1, isKey: name === 'id' })),
  };
  return rows.map((row) =>
    eventFromOutboxRow(
      table,
      columns.map(({ name }) => row[name] ?? null),
    ),
  );
}
