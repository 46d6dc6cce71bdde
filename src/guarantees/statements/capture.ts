import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** Row changes of published tables, read from the write-ahead log. */
export const captureStatement: GuaranteeStatement = {
  version: 1,
  id: 'capture',
  title: 'changes of published tables and events, read from the write-ahead log of PostgreSQL',
  resolution: 'change-data-capture',
  replaces: ['an atomic commit that spans PostgreSQL and every derived store'],
  remains: [
    {
      boundary: { id: 'PostgreSQL → journal', kind: 'projection' },
      effects: [
        {
          subject: 'a committed transaction in the journal',
          cardinality: 'effectively-once',
          by: 'its commit end LSN: the journal drops what it already holds, and nothing is confirmed before it is durable',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'persisted',
      failure: [
        'the server is away: capture reconnects; the slot keeps the WAL meanwhile',
        'the slot, publication, timeline or system is another one: capture stops with a named refusal and the fix',
        'the journal disk is full: capture stops, confirms nothing more, and goes on once there is room',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the slot, and the last recorded LSN in the journal' },
    },
  ],
  duplicates:
    'PostgreSQL may send a transaction again after a crash, also a confirmed one. It is dropped by position and counted; no lane sees it.',
  blockedBy: [
    'a lost or replaced slot',
    'a changed publication',
    'a full journal (policy stop-capture)',
    'a pooler in between',
  ],
  prerequisites: [
    'wal_level = logical',
    'a direct connection with the REPLICATION right',
    'a replica identity on tables with updates',
  ],
  residual: [
    'rows that existed before the slot are not in the journal: status names the tables, and no lane calls its copy complete',
    'DDL, sequences, large objects and unlogged tables write no changes into the stream',
    'with synchronous replication a change can be read from the stream before its row is visible to other sessions',
  ],
  cost: [
    'the slot holds WAL while Headwater is down: watch the retained bytes',
    'one walsender and one logical decoding',
  ],
  claims: [],
};
