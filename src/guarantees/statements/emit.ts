import type { BoundaryGuarantee, GuaranteeStatement } from '../../model/guarantee.ts';

const atCommit: BoundaryGuarantee = {
  boundary: { id: 'application → PostgreSQL', kind: 'transaction' },
  effects: [
    {
      subject: 'the event',
      cardinality: 'effectively-once',
      by: "the application's own transaction: the event commits if and only if its rows do",
    },
  ],
  atomicity: 'atomic',
  synchronicity: 'sync',
  consistency: 'strong',
  ordering: { scope: 'total', basis: 'commit' },
  ack: 'committed',
  failure: [
    'outside a transaction, after its end, or on a pool: refused with a code, nothing is written',
    'the connection is lost, also during COMMIT: the outcome is unknown to the caller; both committed or neither did',
  ],
  blocking: true,
  recovery: { by: 'client', from: 'its own request, under the same event id or idempotency key' },
};

/** `emit` by logical message. */
export const emitMessageStatement: GuaranteeStatement = {
  version: 1,
  id: 'emit-message',
  title: 'an event as a transactional logical message: no table, no vacuum',
  resolution: 'log-message',
  replaces: ['an atomic commit with the broker or any other receiver'],
  remains: [atCommit],
  duplicates:
    'An application that repeats a request emits a second event with another id, unless it passes the same id.',
  blockedBy: ['the primary: nothing else'],
  prerequisites: ['EXECUTE on pg_logical_emit_message', 'a slot of Headwater that exists before the event is written'],
  residual: [
    'the write-ahead log is the only copy until the journal has it: a lost slot loses events that were not captured',
    'any role that may call pg_logical_emit_message can write events: revoke EXECUTE from PUBLIC',
  ],
  cost: ['one statement on the connection of the transaction', 'one more where the handle cannot tell its own state'],
  claims: [
    {
      text: 'The event is written if the transaction commits.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > writes the event if the transaction commits',
    },
    {
      text: 'Nothing is written if it rolls back.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > writes nothing if the transaction rolls back',
    },
    {
      text: 'A savepoint that is rolled back takes its events with it.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > takes the event back with the savepoint it was written in',
    },
    {
      text: 'Every field and every byte arrives as it was given.',
      heldBy: 'emit on PostgreSQL 18, as the application role > pg, mode message > carries every field and every byte',
    },
    {
      text: 'A pool or root object is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > refuses a pool or root object and writes nothing',
    },
    {
      text: 'Autocommit is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > refuses a connection in autocommit and writes nothing',
    },
    {
      text: 'An event after the commit is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > refuses an event after the commit of a transaction with events, and writes nothing',
    },
    {
      text: 'An event after the rollback is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > refuses an event after the rollback of a transaction with events, and writes nothing',
    },
    {
      text: 'An unknown event or an invalid payload is refused before any statement.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode message > refuses what is wrong with an event before any statement, and leaves the transaction whole',
    },
    {
      text: 'A connection that is lost behind COMMIT leaves both row and event, any earlier neither.',
      heldBy: 'a connection of pg that is lost > behind COMMIT leaves both row and event',
    },
  ],
};

/** `emit` by Headwater's outbox table. */
export const emitOutboxStatement: GuaranteeStatement = {
  version: 1,
  id: 'emit-outbox',
  title: "an event as a row of Headwater's outbox table",
  resolution: 'outbox',
  replaces: ['an atomic commit with the broker or any other receiver'],
  remains: [atCommit],
  duplicates: 'An insert with an id that is there already fails in the transaction of the application.',
  blockedBy: ['the primary: nothing else'],
  prerequisites: ['INSERT on the outbox table', 'the table in the publication'],
  residual: ['rows stay until the application removes them; the journal has its own copy'],
  cost: ['one insert, its WAL and its vacuum'],
  claims: [
    {
      text: 'The event is written if the transaction commits.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > writes the event if the transaction commits',
    },
    {
      text: 'Nothing is written if it rolls back.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > writes nothing if the transaction rolls back',
    },
    {
      text: 'A savepoint that is rolled back takes its events with it.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > takes the event back with the savepoint it was written in',
    },
    {
      text: 'Every field and every byte arrives as it was given.',
      heldBy: 'emit on PostgreSQL 18, as the application role > pg, mode outbox > carries every field and every byte',
    },
    {
      text: 'A pool or root object is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > refuses a pool or root object and writes nothing',
    },
    {
      text: 'Autocommit is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > refuses a connection in autocommit and writes nothing',
    },
    {
      text: 'An event after the commit is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > refuses an event after the commit of a transaction with events, and writes nothing',
    },
    {
      text: 'An event after the rollback is refused and nothing is written.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > refuses an event after the rollback of a transaction with events, and writes nothing',
    },
    {
      text: 'An unknown event or an invalid payload is refused before any statement.',
      heldBy:
        'emit on PostgreSQL 18, as the application role > pg, mode outbox > refuses what is wrong with an event before any statement, and leaves the transaction whole',
    },
    {
      text: 'A connection that is lost behind COMMIT leaves both row and event, any earlier neither.',
      heldBy: 'a connection of pg that is lost > behind COMMIT leaves both row and event',
    },
  ],
};

/** A present outbox table of the application. */
export const adoptedOutboxStatement: GuaranteeStatement = {
  version: 1,
  id: 'adopted-outbox',
  title: 'a present table outbox(id, event_type, payload, created_at, published), read as it stands',
  resolution: 'outbox',
  replaces: [
    'an atomic commit with the broker or any other receiver',
    'a polling relay with its lost and reordered rows',
  ],
  remains: [
    { ...atCommit, ordering: { scope: 'none' } },
    {
      boundary: { id: 'clean-up of the table', kind: 'entity' },
      effects: [{ subject: 'a row that is marked or deleted', cardinality: 'at-least-once', by: 'its primary key' }],
      atomicity: 'none',
      synchronicity: 'async',
      consistency: 'eventual',
      ordering: { scope: 'none' },
      ack: 'cursor-advanced',
      failure: [
        'stopped in between: the rest is done at the next start; a row is never touched before its event is durable',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the journal' },
    },
  ],
  duplicates: 'Only INSERTs are events. UPDATEs and DELETEs of the table are counted and never delivered.',
  blockedBy: ['the primary: nothing else'],
  prerequisites: ['the table in the publication', 'UPDATE or DELETE on it for the clean-up `mark` or `delete`'],
  residual: ['the table has no key column: events carry none, and no order between them is promised'],
  cost: ['one insert by the application; one batched statement for the clean-up'],
  claims: [
    {
      text: 'Only INSERTs are events; UPDATEs and DELETEs are counted and never delivered.',
      heldBy:
        'an adopted outbox table on PostgreSQL 18 > only its inserts are events; clean-up is counted, batched and never delivered',
    },
    {
      text: 'A row is cleaned only when its event is in the journal.',
      heldBy:
        'a running Headwater > cleans an adopted outbox only of rows whose events are in the journal, and counts its own deletes',
    },
    {
      text: 'An outbox that is not published is refused.',
      heldBy:
        'refusals of capture from PostgreSQL 18 > an adopted outbox that is not published is refused with the SQL, and outboxes join a publication that is made',
    },
  ],
};
