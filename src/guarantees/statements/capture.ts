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
    'with source.snapshot false, rows that existed before the slot are not in the journal: status names the tables, and no lane calls its copy complete',
    'a row that an UPDATE of its key moves into a part that was copied already comes without a large value which that UPDATE left as it was',
    'DDL, sequences, large objects and unlogged tables write no changes into the stream',
    'with synchronous replication a change can be read from the stream before its row is visible to other sessions',
  ],
  cost: [
    'the slot holds WAL while Headwater is down: watch the retained bytes',
    'one walsender and one logical decoding',
  ],
  claims: [
    {
      text: 'A crash at any step leaves each transaction once in the journal.',
      heldBy:
        'restart of capture from PostgreSQL 18 > case 14: a reader killed before and after each durable step has each transaction once in its journal',
    },
    {
      text: 'Transactions whose locations touch are each recorded once.',
      heldBy:
        'restart of capture from PostgreSQL 18 > case 1: a transaction that begins where the last one ended is recorded once after a crash between them',
    },
    {
      text: 'Rows that share one location are each recorded once.',
      heldBy:
        'restart of capture from PostgreSQL 18 > case 2: rows of one COPY, which share one location, are each recorded once after a crash in their midst',
    },
    {
      text: 'The order is that of the commits, also for interleaved transactions.',
      heldBy:
        'restart of capture from PostgreSQL 18 > case 3: a transaction that starts first and commits last is whole after a crash between two commits',
    },
    {
      text: 'A part of a transaction is never visible.',
      heldBy:
        'restart of capture from PostgreSQL 18 > case 4: a crash in the midst of 1,000 rows leaves none of them visible, and all of them once afterwards',
    },
    {
      text: 'What PostgreSQL sends again is dropped.',
      heldBy:
        'capture through what befalls PostgreSQL 18 > case 13: confirmations that a killed server forgot bring duplicates, and each transaction stays once in the journal',
    },
    {
      text: 'A journal that is older than the slot is refused with the gap.',
      heldBy: 'refusals of capture from PostgreSQL 18 > case 9: a journal older than the slot is refused with the gap',
    },
    {
      text: 'Another timeline, cluster or an earlier state is refused.',
      heldBy:
        "refusals of capture from PostgreSQL 18 > case 10: a journal beyond the server's WAL, of another timeline or another cluster is refused",
    },
    {
      text: 'A slot that was made anew is refused.',
      heldBy:
        'refusals of capture from PostgreSQL 18 > case 11: a slot that was dropped and created anew is refused, also when nothing was written in between',
    },
    {
      text: 'A publication that was dropped or made anew ends capture by name.',
      heldBy:
        'refusals of capture from PostgreSQL 18 > a publication that is dropped, or dropped and created anew, ends capture by name',
    },
    {
      text: 'A blocked main thread costs no connection and no confirmation.',
      heldBy:
        'a running Headwater > confirms to the slot, and loses no connection, while a handler blocks the main thread',
    },
    {
      text: 'An idle captured table holds no WAL while others write.',
      heldBy:
        'capture through what befalls PostgreSQL 18 > case 16: a captured table that is idle holds no WAL while others write',
    },
    {
      text: 'Values stay text-exact, with value, null and unchanged apart.',
      heldBy:
        'bytes captured from PostgreSQL 18.4 > every message becomes the record it stands for, text-exact, with value, null and unchanged apart',
    },
    {
      text: 'Older rows join the stream without a hole: no key goes back in time, and no deleted row rises again.',
      heldBy:
        'a snapshot of PostgreSQL 18 > joins the stream without a hole while others write: no key goes back in time, no deleted row rises again',
    },
    {
      text: 'A copy that is killed goes on behind its last chunk.',
      heldBy: 'a snapshot of PostgreSQL 18 > goes on behind its last chunk when it is killed, again and again',
    },
    {
      text: 'A lane that is added later gets a copy of its own and disturbs no other.',
      heldBy:
        'a Headwater on a database that was there before > copies all tables for a lane that is added later, and disturbs no other lane',
    },
    {
      text: 'No copy of a table that held rows before is called complete.',
      heldBy: 'a running Headwater > calls no copy complete of a table that held rows before',
    },
  ],
};
