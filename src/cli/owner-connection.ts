import { HeadwaterError } from '../foundation/error.ts';
import type { Connection, QueryRow } from '../postgres/connection.ts';
import { parseConnectionUrl } from '../postgres/connection-options.ts';
import { openConnection } from '../postgres/pg-connection.ts';
import type { OptionDefinition } from './command.ts';

/** The option of commands that make or drop objects of the database. */
export const ownerOptions: Readonly<Record<string, OptionDefinition>> = {
  url: {
    type: 'string',
    placeholder: 'URL',
    description: "Address of the database as an owner's login. Default: source.url of the configuration.",
  },
};

/** A session of a role that makes or drops objects, not through a pooler. @throws HW-SOURCE codes of the connection */
export function openOwnerConnection(url: string, signal: AbortSignal): Promise<Connection> {
  return openConnection(parseConnectionUrl(url), signal);
}

/** Runs one statement; a right that is missing gets the code that says whose right it is. @throws HW-SETUP-003, HW-SOURCE */
export async function runAsOwner(
  connection: Connection,
  text: string,
  signal: AbortSignal,
): Promise<readonly QueryRow[]> {
  try {
    return await connection.query(text, [], signal);
  } catch (thrown) {
    throw toRightError(thrown);
  }
}

function toRightError(thrown: unknown): unknown {
  if (!(thrown instanceof HeadwaterError) || thrown.code !== 'HW-SOURCE-008') return thrown;
  return new HeadwaterError('HW-SETUP-003', thrown.message, { cause: thrown });
}
