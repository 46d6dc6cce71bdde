import { postgresEpochMicros } from '../postgres/replication/wire.ts';

/*
 * Builds what a server sends, message by message, for tests that need bytes no server would send at will.
 * Formats: https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 */

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** CopyData with content. */
export function copyMessage(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from('d'), uint32(content.length + 4), content]);
}

/** CopyData, XLogData, and one message of the plug-in. */
export function walPiece(output: Buffer, walStart: bigint = 0n): Buffer {
  return copyMessage(Buffer.concat([Buffer.from('w'), uint64(walStart), uint64(walStart), uint64(0n), output]));
}

export function keepalive(walEnd: bigint, isReplyRequested: boolean = false): Buffer {
  return copyMessage(
    Buffer.concat([Buffer.from('k'), uint64(walEnd), uint64(0n), Buffer.from([isReplyRequested ? 1 : 0])]),
  );
}

export function begin(commitLsn: bigint, xid: number): Buffer {
  return walPiece(Buffer.concat([Buffer.from('B'), uint64(commitLsn), uint64(0n), uint32(xid)]));
}

export function commit(commitLsn: bigint, endLsn: bigint, commitMicros: bigint = postgresEpochMicros): Buffer {
  const time = uint64(commitMicros - postgresEpochMicros);
  return walPiece(Buffer.concat([Buffer.from('C'), Buffer.from([0]), uint64(commitLsn), uint64(endLsn), time]));
}

export interface BuiltColumn {
  readonly name: string;
  readonly typeOid?: number;
  readonly isKey?: boolean;
}

export function relation(
  relationId: number,
  tableName: string,
  columns: readonly BuiltColumn[],
  identity: string = 'd',
): Buffer {
  const described = columns.map(({ name, typeOid = 25, isKey = false }) =>
    Buffer.concat([Buffer.from([isKey ? 1 : 0]), cstring(name), uint32(typeOid), uint32(-1)]),
  );
  return walPiece(
    Buffer.concat([
      Buffer.from('R'),
      uint32(relationId),
      cstring('public'),
      cstring(tableName),
      Buffer.from(identity),
      uint16(columns.length),
      ...described,
    ]),
  );
}

/** `undefined` stands for a value that was not sent. */
export function tuple(values: readonly (string | null | undefined)[]): Buffer {
  const encoded = values.map((value) => {
    if (value === undefined) return Buffer.from('u');
    if (value === null) return Buffer.from('n');
    const text = Buffer.from(value);
    return Buffer.concat([Buffer.from('t'), uint32(text.length), text]);
  });
  return Buffer.concat([uint16(values.length), ...encoded]);
}

/** The old key is sent when it changed. An undefined value is one that was left as it was, out of line. */
export function update(
  relationId: number,
  oldKey: readonly (string | null)[] | undefined,
  values: readonly (string | null | undefined)[],
): Buffer {
  const old = oldKey === undefined ? [] : [Buffer.from('K'), tuple(oldKey)];
  return walPiece(Buffer.concat([Buffer.from('U'), uint32(relationId), ...old, Buffer.from('N'), tuple(values)]));
}

export function insert(relationId: number, values: readonly (string | null)[]): Buffer {
  return walPiece(Buffer.concat([Buffer.from('I'), uint32(relationId), Buffer.from('N'), tuple(values)]));
}

export interface LogicalMessageParts {
  readonly prefix: string;
  readonly content: string;
  readonly isTransactional?: boolean;
}

export function logicalMessage({ prefix, content, isTransactional = true }: LogicalMessageParts): Buffer {
  const text = Buffer.from(content);
  return walPiece(
    Buffer.concat([
      Buffer.from('M'),
      Buffer.from([isTransactional ? 1 : 0]),
      uint64(0n),
      cstring(prefix),
      uint32(text.length),
      text,
    ]),
  );
}
