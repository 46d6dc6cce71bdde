import { createTestDatabase, type PostgresMajor, type TestDatabase } from '../../../scripts/services/testing.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import { classifyMessage, decodeEventEnvelope } from '../../model/event-envelope.ts';
import { applyMigrations } from '../../postgres/database-objects.ts';
import { printRolesSql } from '../../postgres/roles.ts';
import { readOutbox } from '../../postgres/testing/read-outbox.ts';

/** A database with Headwater's objects, its roles, and a slot that sees what is committed. */
export interface EventDatabase extends AsyncDisposable {
  readonly database: TestDatabase;
  /** Of the application role, which owns nothing but the table `orders (id text)`. */
  readonly applicationUrl: string;
  /** Events that were committed since the last call: logical messages from the WAL in commit order, then rows of the outbox in the order of their writes. */
  readEvents(): Promise<DomainEvent[]>;
}

const password = 'application-secret';

/** Makes the database on the shared server. */
export async function createEventDatabase(major: PostgresMajor): Promise<EventDatabase> {
  const database = await createTestDatabase({ major });
  const role = `${database.name}_application`;
  await applyMigrations((text) => database.query(text));
  const roleNames = { capture: `${database.name}_capture`, application: role, sink: `${database.name}_sink` };
  await database.query(printRolesSql({ databaseName: database.name, roleNames, publicMessages: 'revoked' }));
  await database.query(`alter role ${role} password '${password}'`);
  await database.query('create table public.orders (id text primary key)');
  await database.query(`grant select, insert on public.orders to ${role}`);
  await database.query('create publication headwater for table headwater.outbox');
  await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [database.name]);
  return {
    database,
    applicationUrl: database.urlFor(role, password),
    readEvents: async () => [...(await readMessages(database)), ...(await takeOutboxRows(database))],
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

async function readMessages(database: TestDatabase): Promise<DomainEvent[]> {
  const changes = await database.query<{ message: Buffer }>(
    `select data as message from pg_logical_slot_get_binary_changes($1, null, null,
       'proto_version', '1', 'publication_names', 'headwater', 'messages', 'true')`,
    [database.name],
  );
  return changes.map(({ message }) => readLogicalMessage(message)).filter((event) => event !== undefined);
}

/**
 * Byte1('M') Int8(flags) Int64(lsn) String(prefix) Int32(length) Byten(content)
 * https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 */
function readLogicalMessage(message: Buffer): DomainEvent | undefined {
  if (message.toString('latin1', 0, 1) !== 'M') return undefined;
  const prefixEnd = message.indexOf(0, 10);
  if (message.readUInt8(1) !== 1) throw new Error('a logical message is not transactional');
  if (classifyMessage(message.toString('utf8', 10, prefixEnd)) === 'foreign') return undefined;
  const content = message.subarray(prefixEnd + 5);
  if (content.length !== message.readUInt32BE(prefixEnd + 1)) throw new Error('a logical message was cut');
  return decodeEventEnvelope(content, 'message');
}

/** Removed, so that the next call finds new ones only. */
async function takeOutboxRows(database: TestDatabase): Promise<DomainEvent[]> {
  const events = await readOutbox(database);
  await database.query('delete from headwater.outbox');
  return events;
}
