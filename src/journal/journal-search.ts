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

/** What a look at the journal is for: an event by its id, or events by their key. */
export interface EventTerm {
  readonly field: 'id' | 'key';
  readonly value: string;
}

/** A run of transactions: behind `after`, up to and with `last`; without `last`, without an end. */
export interface SequenceRange {
  readonly after: Sequence;
  readonly last: Sequence | undefined;
}

/** Says where reading can be left out, by the indexes that are there. Makes none and changes nothing. */
export interface JournalNarrowing {
  /**
   * The runs behind `after` that may hold such an event, in order; the rest holds none, that is certain. A segment without an
   * index may hold anything. The last run has no end: it goes on with what is appended.
   */
  narrow(term: EventTerm, after: Sequence): Promise<readonly SequenceRange[]>;
}
