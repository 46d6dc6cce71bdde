import type { TransactionHeader } from '../../../model/transaction.ts';

/*
 * The position of a record, as a key carries it: the identity of the source, a space, and timeline, end of the commit and
 * ordinal in decimal digits of fixed width, so that the order of texts is the order of positions in any collation. Lua's
 * numbers are doubles and would round a 64-bit LSN.
 *
 *   7385000000000000001 0000000001000000000042949671120000000003
 */

/** A record's position as text. Positions of one source compare as texts; those of two sources do not compare. */
export function encodeRecordPosition(header: TransactionHeader, ordinal: number): string {
  const { commitEndLsn, systemId, timeline } = header;
  return `${systemId} ${pad(timeline, 10)}${pad(commitEndLsn, 20)}${pad(ordinal, 10)}`;
}

/** The id of a record's entry in a stream: it grows with the position, so that a stream refuses what it already passed. */
export function encodeStreamId(header: TransactionHeader, ordinal: number): string {
  return `${header.commitEndLsn}-${ordinal}`;
}

function pad(value: number | bigint, width: number): string {
  return String(value).padStart(width, '0');
}
