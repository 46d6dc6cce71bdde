import { quoteIdentifier, quoteLiteral } from '../../../postgres/quote.ts';
import type { StreamStart } from './replication-connection.ts';

/**
 * The settings that decide how a value is written as text, fixed so that no default of a role or database alters a byte.
 * DateStyle, IntervalStyle and extra_float_digits are what PostgreSQL's own subscriptions use; the rest closes what they
 * leave open: `timestamptz` by TimeZone, `money` by lc_monetary, `regclass` and its kin by search_path.
 */
export const streamSettings: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
};

/** Settings that no byte depends on: nothing may end the session by a time limit meant for queries. */
export const streamTimeouts: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
};

/** PostgreSQL 18 skips a publication that is missing where it decodes, with no more than a warning: it must be heard. */
export const streamNotices: Readonly<Record<string, string>> = { client_min_messages: 'warning' };

/**
 * START_REPLICATION with protocol version 1, https://www.postgresql.org/docs/18/protocol-logical-replication.html
 *
 * The location 0/0 lets the server begin at the slot's own position: what the journal has already is dropped and counted
 * here, where it is checked, instead of being skipped there, where it is not.
 */
export function formatStartReplication(start: StreamStart): string {
  const publications = start.publicationNames.map(quoteIdentifier).join(',');
  const options = [`proto_version '1'`, `publication_names ${quoteLiteral(publications)}`, `messages 'true'`];
  return `START_REPLICATION SLOT ${quoteIdentifier(start.slotName)} LOGICAL 0/0 (${options.join(', ')})`;
}

/** Query: Byte1('Q') Int32(length) String(text). */
export function encodeQuery(text: string): Uint8Array {
  const content = new TextEncoder().encode(text);
  const bytes = new Uint8Array(content.length + 6);
  bytes[0] = 0x51;
  new DataView(bytes.buffer).setUint32(1, content.length + 5);
  bytes.set(content, 5);
  return bytes;
}
