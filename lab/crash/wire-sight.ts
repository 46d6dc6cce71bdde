/*
 * What is seen of bytes that pass, enough to tell the steps apart. Grammar:
 *   https://www.postgresql.org/docs/18/protocol-replication.html  CopyData, XLogData, Standby status update
 *   https://kafka.apache.org/protocol.html#The_Messages_EndTxn    EndTxn, version 3
 */

const copyData = 0x64; // d
const xlogData = 0x77; // w
const statusUpdate = 0x72; // r
/** Tag, length, 'w', three 64-bit numbers. */
const outputOffset = 30;
const statusLength = 39;
const endTxnKey = 26;

/** What a piece of the replication stream holds, as far as it begins at a message. */
export interface PassedMessages {
  /** Rows, truncates or messages. */
  readonly hasRows: boolean;
  readonly hasCommit: boolean;
}

/** Walks over whole CopyData messages; what is cut off at the end is not looked at. */
export function readPassedMessages(bytes: Buffer): PassedMessages {
  let hasRows = false;
  let hasCommit = false;
  for (let at = 0; at + outputOffset < bytes.length && bytes[at] === copyData; at += 1 + bytes.readUInt32BE(at + 1)) {
    if (bytes[at + 5] !== xlogData) continue;
    const kind = String.fromCharCode(bytes[at + outputOffset] ?? 0);
    if ('IUDTM'.includes(kind)) hasRows = true;
    if (kind === 'C') hasCommit = true;
  }
  return { hasRows, hasCommit };
}

/** The location up to which a standby status update says that everything is flushed; undefined for anything else. */
export function readFlushedLsn(bytes: Buffer): bigint | undefined {
  const isStatus = bytes.length === statusLength && bytes[0] === copyData && bytes[5] === statusUpdate;
  return isStatus ? bytes.readBigUInt64BE(14) : undefined;
}

/** Whether the bytes are one request EndTxn. */
export function isEndTxnRequest(bytes: Buffer): boolean {
  return bytes.length > 8 && bytes.readInt32BE(0) === bytes.length - 4 && bytes.readInt16BE(4) === endTxnKey;
}

/** The error code of an answer to EndTxn: size, correlation id, no tags, throttle time, code. */
export function readEndTxnError(bytes: Buffer): number {
  return bytes.readInt16BE(13);
}
