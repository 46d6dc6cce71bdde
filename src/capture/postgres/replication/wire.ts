import type { Lsn } from '../../../model/lsn.ts';
import { toLsn } from '../../../model/lsn.ts';

/*
 * The replication protocol inside CopyData, https://www.postgresql.org/docs/18/protocol-replication.html
 *
 *   CopyData           Byte1('d') Int32(length) contents
 *   XLogData           Byte1('w') Int64(start of the WAL data) Int64(end of WAL on the server) Int64(send time) Byten(output)
 *   Primary keepalive  Byte1('k') Int64(end of WAL on the server) Int64(send time) Byte1(1: reply at once)
 *   Standby status     Byte1('r') Int64(written) Int64(flushed) Int64(applied) Int64(time) Byte1(1: reply at once)
 *
 * Times are microseconds since 2000-01-01. The logical walsender puts its decoding position into "end of WAL".
 */

/** First bytes of the protocol messages that a replication session meets, and of the two kinds inside CopyData. */
export const tag = {
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyBothResponse: 0x57, // W
  errorResponse: 0x45, // E
  noticeResponse: 0x4e, // N
  parameterStatus: 0x53, // S
  notification: 0x41, // A
  commandComplete: 0x43, // C
  readyForQuery: 0x5a, // Z
  walPiece: 0x77, // w
  keepalive: 0x6b, // k
} as const;

/** Bytes of a CopyData header: tag and length. */
export const copyHeaderLength = 5;
/** Offset of the decoder's output behind the start of the CopyData message. */
export const outputOffset: number = copyHeaderLength + 25;
/** 2000-01-01 in microseconds since 1970. */
export const postgresEpochMicros = 946_684_800_000_000n;

/** The server's sign of life: everything before `walEnd` was sent, as far as the publication asks for it. */
export interface Keepalive {
  readonly walEnd: Lsn;
  readonly isReplyRequested: boolean;
}

/** Reads a primary keepalive that stands in a CopyData message at `start`. */
export function decodeKeepalive(bytes: Uint8Array, start: number, end: number): Keepalive | undefined {
  if (end - start !== copyHeaderLength + 18) return undefined;
  return {
    walEnd: toLsn(readUint64(bytes, start + copyHeaderLength + 1)),
    isReplyRequested: bytes[start + copyHeaderLength + 17] === 1,
  };
}

/** What we report to the server. `nowMicros` is our time, in microseconds since 1970. */
export interface StandbyStatus {
  readonly receivedLsn: Lsn;
  /** Everything before it may be removed by the server. */
  readonly confirmedLsn: Lsn;
  readonly nowMicros: bigint;
  readonly isReplyRequested: boolean;
}

/** A whole CopyData message with a standby status update. */
export function encodeStandbyStatus(status: StandbyStatus): Uint8Array {
  const bytes = new Uint8Array(copyHeaderLength + 34);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, tag.copyData);
  view.setUint32(1, bytes.length - 1);
  view.setUint8(5, 0x72); // r
  view.setBigUint64(6, status.receivedLsn);
  view.setBigUint64(14, status.confirmedLsn);
  view.setBigUint64(22, status.confirmedLsn);
  view.setBigInt64(30, status.nowMicros - postgresEpochMicros);
  view.setUint8(38, status.isReplyRequested ? 1 : 0);
  return bytes;
}

/** Big-endian. The caller has checked that the bytes are there. */
export function readUint64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readUint32(bytes, offset)) << 32n) | BigInt(readUint32(bytes, offset + 4));
}

/** Big-endian. The caller has checked that the bytes are there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] ?? 0) * 0x1_000_000 +
    (((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0))
  );
}
