import type { TransactionHeader } from '../../../model/transaction.ts';

/*
 * The position of a record, as a key carries it: the journal, a space, and sequence and ordinal in decimal digits of fixed
 * width, so that the order of texts is the order of positions in any collation. Lua's numbers are doubles and would round a
 * 64-bit sequence. Not the LSN: it starts anew with another source, and not every transaction of a journal needs one of its own.
 *
 *   5f2f6f0e-0000-4000-8000-000000000001 000000000000000000420000000003
 */

/** A record's position as text. Positions of one journal compare as texts; those of two journals do not compare. */
export function encodeRecordPosition(journalId: string, header: TransactionHeader, ordinal: number): string {
  return `${journalId} ${encodeSequence(header)}${String(ordinal).padStart(10, '0')}`;
}

const sequences = new WeakMap<TransactionHeader, string>();

/** Written once for all records of a transaction. */
function encodeSequence(header: TransactionHeader): string {
  let text = sequences.get(header);
  if (text === undefined) {
    text = String(header.sequence).padStart(20, '0');
    sequences.set(header, text);
  }
  return text;
}

/** The id of a record's entry in a stream: it grows with the position, so that a stream refuses what it already passed. */
export function encodeStreamId({ sequence }: TransactionHeader, ordinal: number): string {
  return `${sequence}-${ordinal}`;
}
