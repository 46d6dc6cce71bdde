import type { MessageReader } from './message-reader.ts';

/** One TRUNCATE statement and all the tables it emptied, by the ids of their relations. */
export interface Truncation {
  readonly relationIds: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

/**
 * Truncate, behind its tag, https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 *
 *     Int32  number of relations
 *     Int8   options: 1 CASCADE, 2 RESTART IDENTITY
 *     Int32  oid of each relation
 */
export function decodeTruncate(reader: MessageReader): Truncation {
  reader.name('truncate');
  const count = reader.readUint32();
  const options = reader.readUint8();
  if (options > 3) reader.refuse(`it has the options ${options}`);
  if (count * 4 !== reader.remaining) reader.refuse(`${count} relations in ${reader.remaining} bytes`);
  const relationIds: number[] = [];
  for (let index = 0; index < count; index += 1) relationIds.push(reader.readUint32());
  reader.close();
  return { relationIds, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 };
}
