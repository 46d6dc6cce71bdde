import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The RabbitMQ sink. */
export const rabbitmqStatement: GuaranteeStatement = {
  version: 1,
  id: 'rabbitmq',
  title: 'records to quorum queues of RabbitMQ, in order per key',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and RabbitMQ'],
  remains: [
    {
      boundary: { id: 'journal → RabbitMQ', kind: 'broker' },
      effects: [
        { subject: 'a record as a message in every queue that it is routed to', cardinality: 'at-least-once' },
        {
          subject: 'what a consumer does in the transaction in which it notes the message id',
          cardinality: 'effectively-once',
          by: 'the id, the same over every delivery, as the key of the consumer’s inbox',
        },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-key', basis: 'commit' },
      ack: 'responsibility-transferred',
      failure: [
        'connection lost before the confirm, broker killed: the record is published again with the same id; later records of its key wait',
        'record refused by a full queue: it is published again; later records of its key wait behind it',
        'broker short of memory or disk: shown by name and waited for; confirm late: shown by name, and after three times the limit, then after twice as long each time, the record is published again with the same id',
        'record too large, or not to be written as a message: it is parked with its key, or stops the lane where the lane says so',
        'record routed to no queue, missing exchange or queue, queue on one node alone, wrong login: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the checkpoint, then the journal' },
    },
  ],
  duplicates:
    'A record whose connection ended before its confirm, or whose confirm came before a kill and whose checkpoint did not, stands in the queue more than once, with the same message id. The broker may read a copy from the old connection late, behind later records of the key. A consumer that noted the id with its effect drops each copy wherever it stands.',
  blockedBy: ['one record that is routed to no queue: its lane stops, others go on'],
  prerequisites: [
    'durable queues of type quorum, bound to the exchange with keys that cover the records',
    'a consumer that notes the message id in the transaction of its effect, and acknowledges behind the commit',
  ],
  residual: [
    'the consumer’s own effect: its inbox is its part',
    'a source transaction of several records becomes visible message by message, and records of different keys may change places',
    'with several queues behind the exchange the broker returns a record only when none gets it: a missing binding of one of them is not seen',
    'a queue made less than a moment before its node is killed: RabbitMQ may forget it, with its bindings and what it confirmed there',
    'what a queue drops by its own limits and times to live, and what an alternate exchange does with a record',
    'consumers that work at once on one queue, or that requeue a message, see the records of a key in another order',
  ],
  cost: ['one confirm per record; records of one key wait for each other’s confirms'],
  claims: [
    {
      text: 'Every record arrives, in order per key.',
      heldBy: 'the sink rabbitmq > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between the confirm and the checkpoint loses nothing.',
      heldBy:
        'the sink rabbitmq > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'kill -9 of the broker loses nothing that was confirmed.',
      heldBy:
        'a RabbitMQ that is killed or short of memory > kill -9 of the broker loses nothing that was confirmed, and the lane goes on in order',
    },
    {
      text: 'A queue that confirms nothing for a while is waited for, and the lane goes on by itself.',
      heldBy:
        'a RabbitMQ that is killed or short of memory > a queue that answers nobody for a while is waited for, and the lane goes on by itself',
    },
    {
      text: 'A record that is too large is parked with its key, and others go on.',
      heldBy: 'the RabbitMQ sink > a record that is too large is parked with its key, and the other keys go on',
    },
    {
      text: 'A record that nobody would get is named and not passed.',
      heldBy:
        'the RabbitMQ sink > a record that is routed to no queue is named, and nothing behind it of its key is sent',
    },
    {
      text: 'A refused record is not overtaken by its key.',
      heldBy:
        'the RabbitMQ sink > a full queue that refuses records delays them, loses none and keeps the order of each key',
    },
    {
      text: 'A blocked connection is waited for without a second copy.',
      heldBy:
        'a RabbitMQ that is killed or short of memory > a broker that blocks publishers is shown and waited for, and nothing is published twice',
    },
    {
      text: 'A consumer with an inbox has each effect once.',
      heldBy:
        'a consumer with an inbox > sees each effect once, in order per key, whatever the lane and the broker repeat',
    },
    {
      text: 'A queue that one node keeps alone is refused.',
      heldBy:
        'the places of a RabbitMQ lane > a queue that one node keeps alone is refused, or named in the log when the option says so',
    },
  ],
};
