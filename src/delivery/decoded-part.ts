import type { DecodeCounts } from '../capture/transaction-decoder.ts';
import type { Sequence } from '../model/position.ts';
import type { TransactionPart } from '../model/transaction.ts';

/** A part with what decoding it left out, and what it takes in memory. */
export interface DecodedPart extends TransactionPart {
  /** How many records of the transaction lie before this part. */
  readonly firstOrdinal: number;
  readonly counts: DecodeCounts;
  /** An estimate: decoded values take several times their bytes in the journal. */
  readonly memoryByteCount: number;
}

/** A place in a journal: behind `sequence`, and behind the first `recordCount` records of the next transaction. */
export interface PartPlace {
  readonly sequence: Sequence;
  readonly recordCount: number;
}
