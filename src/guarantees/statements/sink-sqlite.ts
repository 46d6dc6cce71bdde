import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The SQLite sink. */
export const sqliteStatement: GuaranteeStatement = {
  version: 1,
  id: 'sqlite',
  title: 'tables mirrored into a SQLite database, or own statements run there',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of two databases'],
  remains: [
    {
      boundary: { id: 'journal → SQLite', kind: 'transaction' },
      effects: [
        {
          subject: 'a source transaction in the database',
          cardinality: 'effectively-once',
          by: 'rows and checkpoint in one transaction of the database',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'committed',
      failure: [
        'kill or failed write: the transaction is undone, the checkpoint is read back and the lane goes on from it',
        'file locked by others, disk full: the lane waits',
        'other columns, violated constraint, damaged file: the lane stops with a named error and nothing of the transaction stays',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the checkpoint table of the database, then the journal' },
    },
  ],
  duplicates: 'None in the database: a transaction that was applied moves the checkpoint with it.',
  blockedBy: ['one transaction that the database refuses: its lane stops, others go on'],
  prerequisites: ['a local file system whose locks and flushes hold'],
  residual: ['whoever else writes to the mirrored tables can make them differ'],
  cost: ['one transaction and one flush per batch', 'the thread of the lanes while a batch is written'],
  claims: [
    {
      text: 'Every source transaction once, in order.',
      heldBy: 'the sink sqlite > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill on either side of a commit loses and repeats nothing.',
      heldBy:
        'the SQLite sink > holds every row once when its process is killed again and again, on both sides of its commits',
    },
    {
      text: 'No part of a source transaction is visible before its commit.',
      heldBy: 'the mirror into SQLite > shows no part of a large transaction before its commit',
    },
    {
      text: 'No value is changed on its way.',
      heldBy: 'the mirror into SQLite > makes the target from the description of the table and keeps every value',
    },
    {
      text: 'A value that an UPDATE did not carry keeps its value.',
      heldBy:
        'the mirror into SQLite > keeps a value that an UPDATE did not carry, and refuses to guess it when the row is missing',
    },
    {
      text: 'Foreign keys between mirrored tables hold at each commit.',
      heldBy:
        'the mirror into SQLite > holds foreign keys between mirrored tables at each commit, and undoes a transaction that breaks one',
    },
    {
      text: 'An older writer of the lane is refused by name.',
      heldBy: 'the SQLite sink > an older writer of a lane is refused by name and writes nothing',
    },
  ],
};
