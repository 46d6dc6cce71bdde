import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The Kafka sink. */
export const kafkaStatement: GuaranteeStatement = {
  version: 1,
  id: 'kafka',
  title: 'records to Kafka topics, in order per key',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and Kafka'],
  remains: [
    {
      boundary: { id: 'journal → Kafka', kind: 'broker' },
      effects: [
        {
          subject: 'a record as seen by a read-committed consumer',
          cardinality: 'effectively-once',
          by: "the lane's position in the same Kafka transaction, and a new producer epoch after every unknown outcome",
        },
        { subject: 'a record as seen by a read-uncommitted consumer', cardinality: 'at-least-once' },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-key', basis: 'commit' },
      ack: 'committed',
      failure: [
        'brokers away, reply lost, leader changed: the lane fences its old producer, reads the position back and goes on',
        'record over the limit, or refused: its key is parked, or with onPoisoned stop the lane stops with a named error',
        'missing topic, changed partition count, wrong credentials: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the position topic, then the journal' },
    },
  ],
  duplicates:
    'Every record carries its stable id in the header headwater-id. A consumer that reads uncommitted data, or that crashes between its effect and its offset, drops duplicates by it.',
  blockedBy: ['one record that the broker refuses: its key, or with onPoisoned stop its lane; others go on'],
  prerequisites: ['brokers with transactions', 'topics that exist', 'consumers with isolation.level=read_committed'],
  residual: [
    'the consumer’s own effect: its inbox or an idempotent write is its part',
    'a batch of one commit may span several Kafka transactions',
    'a broker that loses the marker of a partition: where the next transaction wrote there too before it is aborted, acknowledged records are hidden',
  ],
  cost: ['one Kafka transaction per batch: a few milliseconds', 'one compacted topic for positions'],
  claims: [
    {
      text: 'Every record once for a read-committed consumer, in order per key.',
      heldBy: 'the sink kafka > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between the write and the checkpoint repeats nothing.',
      heldBy:
        'the sink kafka > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A lost reply is found out, not guessed.',
      heldBy: 'the sink kafka > finds out what became of an effect whose reply was lost',
    },
    {
      text: 'Any pattern of lost requests and answers leaves each batch with one effect.',
      heldBy: 'a batch whose outcome is unknown > takes effect once under any pattern of lost requests and answers',
    },
    {
      text: 'An older writer of the lane is fenced and writes nothing visible.',
      heldBy: 'the Kafka sink > an older writer of a lane is refused by name and writes nothing that is visible',
    },
    {
      text: 'A wrong login or certificate stops the lane by name; a broker that goes down meanwhile is waited for.',
      heldBy:
        'the way to the broker > a broker that goes down and comes back is waited for, at whatever moment of TLS or the login it goes',
    },
    {
      text: 'With tombstones, a compacted topic ends with the keys that the table has.',
      heldBy:
        'the mapping of records to Kafka > tombstones stand behind deletions in the same partition, so that a compacted topic ends as the table is',
    },
    {
      text: 'A key of the user keeps its records in one partition, in commit order.',
      heldBy:
        'the mapping of records to Kafka > a key of the user decides the partition, and records of that key stay in commit order',
    },
    {
      text: 'A changed partition count is refused by name.',
      heldBy:
        'the Kafka sink > a changed number of partitions is refused by name, also after a restart, until it is accepted',
    },
    {
      text: 'A record over the limit is refused before anything of its batch is sent.',
      heldBy:
        'the Kafka sink > a record larger than its topic takes is refused by name before anything of its batch is sent',
    },
    {
      text: 'A transaction whose marker a broker lost is ended as it was decided.',
      heldBy:
        'a transaction that a broker left open > is committed when it was acknowledged, though the next one is aborted in the same partition',
    },
  ],
};

/** The PostgreSQL sink. */
export const postgresStatement: GuaranteeStatement = {
  version: 1,
  id: 'postgres',
  title: 'tables mirrored into another PostgreSQL, or own statements run there',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of two databases'],
  remains: [
    {
      boundary: { id: 'journal → PostgreSQL', kind: 'transaction' },
      effects: [
        {
          subject: 'a source transaction in the target database',
          cardinality: 'effectively-once',
          by: 'rows and checkpoint in one transaction of the target',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'committed',
      failure: [
        'target away or commit reply lost: the lane reads the checkpoint back and goes on from it',
        'missing table, other columns, violated constraint: the lane stops with a named error and nothing of the transaction stays',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the checkpoint table of the target, then the journal' },
    },
  ],
  duplicates: 'None in the target: a transaction that was applied moves the checkpoint with it.',
  blockedBy: ['one transaction that the target refuses: its lane stops, others go on'],
  prerequisites: ['rights on the target tables and on the checkpoint table'],
  residual: ['whoever else writes to the mirrored tables can make them differ'],
  cost: ['one transaction of the target per batch'],
  claims: [
    {
      text: 'Every source transaction once, in order.',
      heldBy: 'the sink postgres, version 15 > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between commit and checkpoint repeats nothing.',
      heldBy:
        'the sink postgres, version 15 > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A lost commit reply is found out, not guessed.',
      heldBy: 'the sink postgres, version 15 > finds out what became of an effect whose reply was lost',
    },
    {
      text: 'No part of a source transaction is visible before its commit.',
      heldBy: 'the mirror into PostgreSQL 18 > shows no part of a large transaction before its commit',
    },
    {
      text: 'Foreign keys between mirrored tables hold at each commit.',
      heldBy:
        'the mirror into PostgreSQL 18 > holds foreign keys between mirrored tables at each commit, deferred or immediate',
    },
    {
      text: 'A value that an UPDATE did not carry keeps its value.',
      heldBy:
        'the mirror into PostgreSQL 18 > keeps a value that an UPDATE left out of line, within a batch and across batches',
    },
    {
      text: 'A differing table gets every source transaction once, too, by the map of the user.',
      heldBy:
        'the sink postgres, into a differing table by a map > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A value that cannot be known from an UPDATE is not made up.',
      heldBy: 'a map into PostgreSQL 18 > refuses to guess a value of which an UPDATE carries a part',
    },
    {
      text: 'A stale writer of the lane is refused.',
      heldBy: 'the mirror into PostgreSQL 18 > refuses a writer that another one has taken the lane from',
    },
    {
      text: 'A table of others that does not fit is refused by column.',
      heldBy:
        'the mirror into PostgreSQL 18 > names the column of a table of others that does not fit, and the index that it lacks',
    },
  ],
};

/** The in-process handler. */
export const handlerStatement: GuaranteeStatement = {
  version: 1,
  id: 'handler',
  title: 'a function in the process of the application',
  resolution: 'inbox',
  replaces: ['delivery that happens once'],
  remains: [
    {
      boundary: { id: 'journal → handler', kind: 'process' },
      effects: [
        {
          subject: "the handler's writes in its own transaction",
          cardinality: 'effectively-once',
          by: 'the deduplication row that context.once(tx) writes in that transaction',
        },
        { subject: 'anything else that the handler does', cardinality: 'at-least-once' },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-key', basis: 'commit' },
      ack: 'processed',
      failure: [
        'the handler throws or takes too long: called again with growing delays; later records of the key wait',
        'the process dies between effect and checkpoint: called again; context.once(tx) answers false',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the checkpoint, then the journal' },
    },
  ],
  duplicates: 'The handler is called again with the same id. With context.once(tx) the second call changes nothing.',
  blockedBy: ['a handler that always fails: its lane stops, others go on'],
  prerequisites: ["the inbox table in the database of the handler's transaction"],
  residual: ['effects outside that transaction (mail, HTTP calls) can repeat: pass the id on as an idempotency key'],
  cost: ['one insert per handled record'],
  claims: [
    {
      text: 'Records of one key come in order, and none is left out.',
      heldBy:
        'the sink handler, with its effect and context.once in one transaction > writes every record once and keeps the order of each key',
    },
    {
      text: 'With context.once the effect happens once, although the process is killed between effect and checkpoint.',
      heldBy:
        'the sink handler, with its effect and context.once in one transaction > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'The receipt of context.once goes with a rollback.',
      heldBy: 'context.once > takes the receipt of pg back with a rollback',
    },
    {
      text: 'A handler that says stop gets the record again; nothing is skipped.',
      heldBy:
        'a handler > stops its lane in front of the record when it says so, and gets the record again when resumed',
    },
    {
      text: 'A hung sink delays no other lane.',
      heldBy: 'a lane > does not delay another lane while its sink hangs',
    },
  ],
};
