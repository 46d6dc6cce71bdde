import type { Lsn } from '../../model/lsn.ts';
import { encodeSpoolReference, type SpoolReference } from './spool-reference.ts';

/** Length and text of a global id, as the frames of prepared transactions carry it. */
export function encodePreparedName(gid: string): Buffer {
  const text = Buffer.from(gid);
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16LE(text.length);
  text.copy(bytes, 2);
  return bytes;
}

/** The body of a prepare or prepared rollback frame. */
export function encodePrepareBody(gid: string, lsn: Lsn, spool: SpoolReference): Buffer {
  const at = Buffer.alloc(8);
  at.writeBigUInt64LE(lsn);
  return Buffer.concat([encodePreparedName(gid), at, encodeSpoolReference(spool)]);
}
