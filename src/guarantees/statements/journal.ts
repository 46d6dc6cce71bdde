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
  claims: [],
};
