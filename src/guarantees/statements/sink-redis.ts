import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The Redis sink. */
export const redisStatement: GuaranteeStatement = {
  version: 1,
  id: 'redis',
  title: 'rows and events as values under keys of Redis, or records as entries of its streams',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and Redis'],
  remains: [
    {
      boundary: { id: 'journal → Redis', kind: 'projection' },
      effects: [
        {
          subject: 'a source transaction in Redis',
          cardinality: 'effectively-once',
          by: "data and the lane's position in one script; each key carries its own position, and the id of a stream's entry is made of it",
        },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'persisted',
      failure: [
        'Redis away, reply lost, replica, full memory: the lane waits, reads the position back and goes on from it',
        'Redis lost its latest writes: its position is older as well, and the lane delivers again from there',
        'Redis lost everything, or more than the journal keeps: the lane stops with a named error',
        'TRUNCATE of mirrored keys, a row without a key, a foreign entry in a stream: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the position in Redis, then the journal' },
    },
  ],
  duplicates:
    'None in Redis: a batch that was applied moved the position with it. A reader of a stream that crashes before it acknowledges gets the entry again and drops it by its id.',
  blockedBy: ['one record that cannot be stored: its lane stops, others go on'],
  prerequisites: [
    'a Redis without cluster mode',
    'appendonly yes with appendfsync always or everysec, checked at each connect; less must be declared',
    'no eviction of keys, checked at each connect; otherwise it must be declared',
  ],
  residual: [
    'with appendfsync everysec a machine that fails may lose a second of acknowledged writes, and so may a failover to a replica: they are missing until the lane has delivered them again',
    'a server that is emptied under an open connection is found out by the next write',
    'a source transaction beyond transactionBytesMax becomes visible in parts',
    'whoever else writes or deletes the keys can make them differ',
    'the position of a deleted key is kept for tombstoneMs: after that an older write of another lane could bring it back',
    'a stream with maxLength drops entries that nobody has read',
  ],
  cost: [
    'one script for each batch, during which Redis serves nobody else',
    'one more key for each mirrored key, with its position',
  ],
  claims: [
    {
      text: 'Every record once, in order per key.',
      heldBy: 'the sink redis, as keys with a hash > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between the write and the checkpoint repeats nothing.',
      heldBy:
        'the sink redis, as keys with a hash > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A lost reply is found out, not guessed.',
      heldBy: 'the sink redis, as keys with a hash > finds out what became of an effect whose reply was lost',
    },
    {
      text: 'Entries of a stream come once, too.',
      heldBy:
        'the sink redis, as entries of a stream > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'With appendfsync always, nothing that was acknowledged is lost when Redis is killed.',
      heldBy: 'a Redis that lost data > loses nothing that was acknowledged when it is killed, with appendfsync always',
    },
    {
      text: 'What Redis lost takes the position with it, and is delivered again.',
      heldBy:
        'a Redis that lost data > goes back to the position that its append-only file ends with, and gets the rest again, while the lane runs',
    },
    {
      text: 'Also when nothing new is to be written.',
      heldBy: 'a Redis that lost data > gets back what it lost from a lane that has nothing to write',
    },
    {
      text: 'A Redis that lost everything is refused by name.',
      heldBy:
        'a Redis that lost data > is refused by name after a restart without its file, also by the next start, and is filled anew by a lane that replaces this one',
    },
    {
      text: 'An older write of another lane never overwrites a newer one.',
      heldBy:
        'keys in Redis > are not overwritten by an older write of another lane, and not brought back after a delete',
    },
    {
      text: 'A value that an UPDATE did not carry keeps its value.',
      heldBy:
        'keys in Redis > keep a value that an UPDATE left out of line, within a batch, across batches and over a key change, as a hash',
    },
    {
      text: 'No part of a source transaction within the limit is visible before its end.',
      heldBy: 'keys in Redis > show no part of a source transaction that is cut into several batches',
    },
    {
      text: 'A stale writer of the lane is refused.',
      heldBy: 'a writer of a lane in Redis > that another one took the lane from writes nothing and is refused by name',
    },
    {
      text: 'A server that keeps less than the lane asks for is refused by name.',
      heldBy:
        'a server of Redis > that keeps less than the lane asks for is refused by name, and taken when less is asked for',
    },
  ],
};
