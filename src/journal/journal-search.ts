import type { Sequence } from '../model/position.ts';

/** Finds transactions by what is in them, without reading the journal through. Only what is durable and kept is found. */
export interface JournalSearch {
  /** The transaction that holds the event; undefined when none does. */
  locateEvent(eventId: string): Promise<Sequence | undefined>;
  /** Transactions that hold an event with the key, in order. */
  locateKey(key: string): Promise<readonly Sequence[]>;
  /** Transactions with the source's transaction id, in order: ids come again after 2^32 transactions. */
  locateTransaction(xid: number): Promise<readonly Sequence[]>;
}
