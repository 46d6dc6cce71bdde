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
    'the connection is lost during COMMIT: the outcome is unknown to the caller; both committed or neither did',
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
  claims: [],
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
  claims: [],
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
  claims: [],
};
