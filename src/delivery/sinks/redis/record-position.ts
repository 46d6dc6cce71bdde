import type { TransactionHeader } from '../../../model/transaction.ts';

/*
 * The position of a record, as a key carries it: the journal, a space, and sequence and ordinal in decimal digits of fixed
 * width, so that the order of texts is the order of positions in any collation. Lua's numbers are doubles and would round a
 * 64-bit sequence. Not the LSN: it starts anew with another source, and not every transaction of a journal needs one of its own.
 *
 *   5f2f6f0e-0000-4000-8000-000000000001 000000000000000000420000000003
 */

/** A record's position as text. Positions of one journal compare as texts; those of two journals do not compare. */
export function encodeRecordPosition(journalId: string, { sequence }: TransactionHeader, ordinal: number): string {
  return `${journalId} ${String(sequence).padStart(20, '0')}${String(ordinal).padStart(10, '0')}`;
}

/** The id of a record's entry in a stream: it grows with the position, so that a stream refuses what it already passed. */
export function encodeStreamId({ sequence }: TransactionHeader, ordinal: number): string {
  return `${sequence}-${ordinal}`;
}
