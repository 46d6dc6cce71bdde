import { HeadwaterError } from '../../../foundation/error.ts';
import type { Connection } from '../../../postgres/connection.ts';
import { publicationFactsSql, publishedTablesSql, serverFactsSql, slotFactsSql } from './source-facts.sql.ts';
import {
  parsePublicationFacts,
  parsePublishedTable,
  parseServerFacts,
  parseSlotFacts,
  type PublicationFacts,
  type PublishedTable,
  type ServerFacts,
  type SlotFacts,
} from './source-facts.ts';

/** @throws HW-SOURCE codes of the connection. */
export async function readServerFacts(connection: Connection, signal?: AbortSignal): Promise<ServerFacts> {
  const [row] = await connection.query(serverFactsSql, [], signal);
  if (row === undefined) throw new HeadwaterError('HW-SOURCE-024', 'the server told nothing about itself');
  return parseServerFacts(row);
}

/** Undefined: there is no such slot. Not on a standby. @throws HW-SOURCE codes of the connection. */
export async function readSlotFacts(
  connection: Connection,
  slotName: string,
  signal?: AbortSignal,
): Promise<SlotFacts | undefined> {
  const [row] = await connection.query(slotFactsSql, [slotName], signal);
  return row === undefined ? undefined : parseSlotFacts(row);
}

/** Those that exist, by name. @throws HW-SOURCE codes of the connection. */
export async function readPublicationFacts(
  connection: Connection,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly PublicationFacts[]> {
  return (await connection.query(publicationFactsSql, [JSON.stringify(names)], signal)).map(parsePublicationFacts);
}

/** Every table of the publications, by name. @throws HW-SOURCE codes of the connection. */
export async function readPublishedTables(
  connection: Connection,
  publicationNames: readonly string[],
  signal?: AbortSignal,
): Promise<readonly PublishedTable[]> {
  return (await connection.query(publishedTablesSql, [JSON.stringify(publicationNames)], signal)).map(parsePublishedTable);
}
