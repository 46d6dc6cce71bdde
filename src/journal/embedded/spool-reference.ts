/** Where the body of a transaction lies outside the segments (`docs/reference/journal-format-1.md`, "Spool reference"). */
export interface SpoolReference {
  readonly name: string;
  readonly byteCount: number;
  /** CRC of the spool's header: no other file has it. */
  readonly headerCrc: number;
  readonly frameCount: number;
  readonly messageCount: number;
  readonly bodyByteCount: number;
  readonly abortedXids: readonly number[];
}

/** The reference as it stands in a frame's body. */
export function encodeSpoolReference(reference: SpoolReference): Buffer {
  const name = Buffer.from(reference.name);
  const bytes = Buffer.alloc(2 + name.length + 32 + 4 * reference.abortedXids.length);
  bytes.writeUInt16LE(name.length, 0);
  name.copy(bytes, 2);
  let at = 2 + name.length;
  at = bytes.writeBigUInt64LE(BigInt(reference.byteCount), at);
  at = bytes.writeUInt32LE(reference.headerCrc, at);
  at = bytes.writeUInt32LE(reference.frameCount, at);
  at = bytes.writeUInt32LE(reference.messageCount, at);
  at = bytes.writeBigUInt64LE(BigInt(reference.bodyByteCount), at);
  at = bytes.writeUInt32LE(reference.abortedXids.length, at);
  for (const xid of reference.abortedXids) at = bytes.writeUInt32LE(xid, at);
  return bytes;
}

/** The reference that `source` consists of from `start` to its end; undefined when it is none. */
export function decodeSpoolReference(source: Uint8Array, start: number): SpoolReference | undefined {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length);
  if (bytes.length < start + 2) return undefined;
  const fixed = start + 2 + bytes.readUInt16LE(start);
  if (bytes.length < fixed + 32) return undefined;
  const abortedCount = bytes.readUInt32LE(fixed + 28);
  if (bytes.length !== fixed + 32 + 4 * abortedCount) return undefined;
  return {
    name: bytes.toString('utf8', start + 2, fixed),
    byteCount: Number(bytes.readBigUInt64LE(fixed)),
    headerCrc: bytes.readUInt32LE(fixed + 8),
    frameCount: bytes.readUInt32LE(fixed + 12),
    messageCount: bytes.readUInt32LE(fixed + 16),
    bodyByteCount: Number(bytes.readBigUInt64LE(fixed + 20)),
    abortedXids: Array.from({ length: abortedCount }, (_, index) => bytes.readUInt32LE(fixed + 32 + 4 * index)),
  };
}
