import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The embedded journal. */
export const journalStatement: GuaranteeStatement = {
  version: 1,
  id: 'journal',
  title: 'the ordered, durable, replayable log of whole transactions, in files on one machine',
  resolution: 'change-data-capture',
  replaces: ['holding the WAL on the primary until every consumer has read it'],
  remains: [
    {
      boundary: { id: 'journal', kind: 'transaction' },
      effects: [
        {
          subject: 'a transaction',
          cardinality: 'effectively-once',
          by: 'gap-free sequences, one writer under an exclusive lock, and a commit frame with a checksum',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'sync',
      consistency: 'strong',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'persisted',
      failure: [
        'power or process lost: what follows the last whole commit is cut at the next start; it was never confirmed',
        'a byte that was durable reads differently: refused with file and offset, nothing is guessed',
        'the disk is full: capture stops; what was confirmed stays',
      ],
      blocking: true,
      recovery: { by: 'relay', from: 'the segment files; indexes are rebuilt' },
    },
  ],
  duplicates: 'None inside the journal. A lane may read a transaction again after a crash.',
  blockedBy: ['a full disk', 'journal.maxBytes with the policy stop-capture', 'a second process on the same directory'],
  prerequisites: [
    'a local file system on which fdatasync means what it says',
    'room for the retention that is configured',
  ],
  residual: [
    'one machine: losing its disk loses what the slot no longer holds; rebuild the derived stores from the source then',
  ],
  cost: ['one sequential write and one flush per group of commits', 'disk for minimumAge and the slowest lane'],
  claims: [
    {
      text: 'Nothing is visible before it is durable.',
      heldBy: "the journal on the machine's disk > shows nothing before a flush that began after the append has ended",
    },
    {
      text: 'Sequences have no gap over all segments.',
      heldBy: "the journal on the machine's disk > numbers transactions from 1 without a gap, over many segments",
    },
    {
      text: 'A power cut loses no flushed transaction and shows none in part.',
      heldBy: 'a journal whose machine fails > keeps every flushed transaction, shows whole ones only, and goes on',
    },
    {
      text: 'A durable byte that changed is refused with file and offset.',
      heldBy: 'a journal whose durable bytes have changed > is refused with file and offset for a flip of any byte',
    },
    {
      text: 'A newer format is refused and nothing is changed.',
      heldBy: 'a journal of a newer release > is refused by its version and its header flags, and nothing is changed',
    },
    {
      text: 'A prepared transaction survives a restart, invisible until it is decided.',
      heldBy:
        "the journal on the machine's disk > keeps a prepared transaction over a restart, invisible until it is decided",
    },
    {
      text: 'A second process on the same directory is refused by name.',
      heldBy: 'a running Headwater > refuses a second start on the same journal by name',
    },
  ],
};
