import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** Parking of poisoned records. */
export const parkingStatement: GuaranteeStatement = {
  version: 1,
  id: 'parking',
  title: 'records that a sink refuses for good, set aside by key',
  resolution: 'none',
  replaces: [
    'a lane that stops at the first record that cannot be delivered',
    'a dead-letter queue that gives order up',
  ],
  remains: [
    {
      boundary: { id: 'journal → sink, for a parked key', kind: 'entity' },
      effects: [
        {
          subject: 'a parked record, retried, in a sink that keeps the checkpoint with the data',
          cardinality: 'effectively-once',
          by: 'a count of releases in the checkpoint, moved with the effect, and the release durable beside the journal before it',
        },
        {
          subject: 'a parked record, retried, in any other sink',
          cardinality: 'at-least-once',
        },
      ],
      atomicity: 'none',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-key', basis: 'commit' },
      ack: 'persisted',
      failure: [
        'the retry is refused too: the record stays parked, with what waits behind it',
        'too much is parked: the lane stops with HW-LANE-014 in front of the next record',
      ],
      blocking: false,
      recovery: { by: 'operator', from: 'the list of parked records beside the journal, and the journal' },
    },
  ],
  duplicates: 'As the statement of the sink says; a retried record has the id that it always had.',
  blockedBy: ['an operator who neither retries nor drops: the key waits, and the journal is kept from it on'],
  prerequisites: ['a sink that takes records or batches; one that applies whole transactions stops instead'],
  residual: [
    'records of different keys go on: what depends across keys sees the gap; onPoisoned: stop is for those',
    'a record whose key function throws has no known key: its lane stops',
    'an event of a newer envelope version is not parked yet: lanes stop at it',
  ],
  cost: ['one flush of the state for each parked record, or for those that one read brings'],
  claims: [
    {
      text: 'Later records of a parked key wait, all others go on, and a retry delivers them in order.',
      heldBy:
        'a parked key > holds later records of its key and nobody else, and goes on in order once mended, with unit batch and the checkpoint in the sink',
    },
    {
      text: 'The same where single records are delivered, several keys at once.',
      heldBy:
        'a parked key > holds later records of its key and nobody else, and goes on in order once mended, with unit record and the checkpoint in the lane',
    },
    {
      text: 'What is parked outlives a restart, once.',
      heldBy:
        'a parked key > stays parked over a restart, and what is met again is not listed twice, with unit batch and the checkpoint in the sink',
    },
    {
      text: 'Retention keeps what a parked record needs.',
      heldBy:
        'a parked key > keeps the journal from the oldest parked record on, with unit batch and the checkpoint in the sink',
    },
    {
      text: 'Wherever a process dies, each record is delivered in the order of its key, listed as parked, or dropped on record; none twice against the claim of its sink.',
      heldBy:
        'capture, journal and lanes in a simulated world > lose, invent, reorder and repeat nothing, wherever they are killed',
    },
    {
      text: 'A drop wants a reason and keeps it.',
      heldBy: 'headwater parked > drops with a reason and --yes only, and keeps the reason',
    },
    {
      text: 'At the limit the lane stops by name, and a retry makes room.',
      heldBy:
        'a parked key > stops the lane by name at the limit, and a retry makes room, with unit batch and the checkpoint in the sink',
    },
  ],
};
