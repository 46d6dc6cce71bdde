import type { JournalRecord } from '../model/journal-record.ts';
import type { BodyEncoding } from './change-recorder.ts';

/** Counts of what a body held and what is not a record. Nothing is left out without a count. */
export interface DecodeCounts {
  /** Logical messages of other prefixes. */
  readonly foreignMessages: number;
  /** UPDATEs, DELETEs and TRUNCATEs of an adopted outbox table, which are never events. */
  readonly adoptedOutboxChanges: number;
  /** UPDATEs, DELETEs and TRUNCATEs of Headwater's own outbox table: its clean-up, never events. */
  readonly outboxChanges: number;
}

/** What one body held: its records in order, and counts of all the rest. */
export interface DecodedBody {
  readonly records: readonly JournalRecord[];
  readonly counts: DecodeCounts;
}

/**
 * Turns bodies back into records. Holds nothing but the relations it was told: no catalog, no clock, no I/O. The decoder of
 * one reader sees schemas and bodies in journal order.
 */
export interface TransactionDecoder {
  /** A RELATION message that applies from here on. @throws HW-CAPTURE codes for bytes that are none. */
  learnSchema(message: Uint8Array): void;
  /**
   * The records of one run of whole messages. `firstOrdinal` numbers the first record; aborted subtransactions are left out.
   * @throws HW-CAPTURE codes for bytes that do not follow the grammar; the whole body is refused.
   */
  decodeBody(encoding: BodyEncoding, body: Uint8Array, firstOrdinal: number): DecodedBody;
  /**
   * Where a body may be cut, so that both pieces can be decoded one after the other: behind the message that reaches
   * `byteCount`, or at its end, also where its encoding has no such place. Decodes nothing.
   * @throws HW-CAPTURE codes for bytes up to there that are no messages
   */
  cutBody(encoding: BodyEncoding, body: Uint8Array, byteCount: number): number;
}
