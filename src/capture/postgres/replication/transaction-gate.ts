import { type Lsn, toLsn } from '../../../model/lsn.ts';
import { outputOffset, readUint32, readUint64 } from './wire.ts';

/** What the stream tells first of a transaction. */
export interface TransactionBegin {
  readonly xid: number;
  readonly commitLsn: Lsn;
}

/** Decides, while a snapshot is taken, which transactions stand before it. */
export interface TransactionGate {
  /** False: the transaction and everything behind it waits. Asked again after `receive`. */
  mayPass(begin: TransactionBegin): boolean;
  /** Everything before `lsn` has come. */
  passed(lsn: Lsn): void;
}

/** First byte of a begin message of the decoder. */
export const beginTag = 0x42; // B

/** The begin message that a CopyData message at `start` holds; undefined for every other message. */
export function readBegin(bytes: Uint8Array, start: number, end: number): TransactionBegin | undefined {
  const at = start + outputOffset;
  if (end - at !== 21 || bytes[at] !== beginTag) return undefined;
  return { xid: readUint32(bytes, at + 17), commitLsn: toLsn(readUint64(bytes, at + 1)) };
}
