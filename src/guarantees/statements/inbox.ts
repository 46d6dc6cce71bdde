import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** Messages that an application takes by `inbox`. */
export const inboxStatement: GuaranteeStatement = {
  version: 1,
  id: 'inbox',
  title: 'messages taken once, with effect, events and reply in one commit',
  resolution: 'inbox',
  replaces: ['exactly-once transport', 'an atomic commit of the broker’s acknowledgement and local state'],
  remains: [
    {
      boundary: { id: 'message → database of the consumer', kind: 'transaction' },
      effects: [
        {
          subject: 'what the handler writes, and the events that it emits, through its transaction',
          cardinality: 'effectively-once',
          by: 'the receipt in that transaction, for each consumer, sender and id, within the retention',
        },
        { subject: 'anything else that the handler does', cardinality: 'at-least-once' },
      ],
      atomicity: 'atomic',
      synchronicity: 'sync',
      consistency: 'strong',
      ordering: { scope: 'per-key', basis: 'version' },
      ack: 'committed',
      failure: [
        'the handler or the database fails, or the process dies: nothing of the message is there, and it must come again',
        'the answer to COMMIT is lost: the message comes again and gets the reply of the first time, or takes effect now',
        'the handler rejects it, or its predecessor never comes: parked with its reason, in the same commit as its receipt',
        'another content under a known id: reported as mismatch, never executed',
      ],
      blocking: true,
      recovery: { by: 'relay', from: 'the broker, which still has what was not acknowledged' },
    },
  ],
  duplicates:
    'A duplicate waits while the first is under way, gets its reply, changes nothing and is counted. With order: independent, no order of keys is promised.',
  blockedBy: ['a duplicate by the transaction of the first one', 'in a contiguous order, a key by its missing message'],
  prerequisites: [
    'an id that is the same over every delivery of what is meant',
    'a retention above the longest redelivery (refused otherwise) and the same in all processes of the consumer',
    'clocks of senders and database that differ by less than clockSkewMs',
  ],
  residual: [
    'a message from before the oldest receipt: parked, or with beyondRetention: execute taken perhaps a second time',
    'a message without sentAt cannot be seen to be that old',
    'a renamed consumer begins without receipts; a warning tells of a new name beside others',
    'a handler that commits and begins by itself in the middle: what it did before and after are two commits',
    'a database that is restored from a backup is behind what was acknowledged: the broker must send again from before the backup, and receipts answer what is there already',
  ],
  cost: [
    'one insert per message; two statements more for an order, one for a reply',
    'one statement more behind the commit with libraries that hide the answer to it: all but pg, Kysely and Prisma',
    'receipts for the retention',
  ],
  claims: [
    {
      text: 'A hundred duplicates have one effect and get the first reply.',
      heldBy: 'an inbox > takes a message once with pg, and answers every duplicate with the first reply',
    },
    {
      text: 'The same with Drizzle.',
      heldBy:
        'an inbox > takes a message once with Drizzle on node-postgres, and answers every duplicate with the first reply',
    },
    {
      text: 'The same with Kysely.',
      heldBy: 'an inbox > takes a message once with Kysely, and answers every duplicate with the first reply',
    },
    {
      text: 'A concurrent duplicate waits for the first.',
      heldBy: 'an inbox > lets a concurrent duplicate wait for the first, and gives it the first reply',
    },
    {
      text: 'The receipt goes with its transaction, and the second is executed.',
      heldBy: 'an inbox > executes the second when the first fails: the receipt goes with its transaction',
    },
    {
      text: 'Another content under one id is never executed.',
      heldBy: 'an inbox > reports another content under one id, and never executes it',
    },
    {
      text: 'Ids of senders and consumers are apart.',
      heldBy: 'an inbox > keeps the ids of two senders and of two consumers apart',
    },
    {
      text: 'A rejected message is parked in the same commit as its receipt.',
      heldBy:
        'an inbox > parks a message that its handler rejects: receipt and reason in one commit, and nothing of its writes',
    },
    {
      text: 'A COMMIT that was none is noticed.',
      heldBy: 'an inbox > is not taken in by a handler of pg that swallows an error of the database',
    },
    {
      text: 'A contiguous order holds under any arrival, repetition and concurrency.',
      heldBy: 'an ordered inbox > keeps the order of each key under any order of arrival, repetition and concurrency',
    },
    {
      text: 'A gap that never fills is parked with its reason.',
      heldBy:
        'an ordered inbox > parks a message whose gap never fills, with the reason, and takes it when it fills after all',
    },
    {
      text: 'What comes again behind the retention is not executed unseen.',
      heldBy:
        'an ordered inbox > removes receipts behind the retention in batches, and parks what comes again after that',
    },
    {
      text: 'A retention below the longest redelivery is refused.',
      heldBy: 'an inbox > refuses to keep receipts for a shorter time than messages can come again',
    },
    {
      text: 'Events of the handler carry correlation, cause and trace of the message.',
      heldBy:
        'the Kafka consumer > takes what emit wrote from the journal through the topic, and its own events follow from the message',
    },
  ],
};

/** The ready consumers. */
export const consumersStatement: GuaranteeStatement = {
  version: 1,
  id: 'consumers',
  title: 'Kafka, NATS, RabbitMQ and webhooks taken by an inbox',
  resolution: 'inbox',
  replaces: ['an atomic commit of the broker’s acknowledgement and local state'],
  remains: [
    {
      boundary: { id: 'broker → inbox', kind: 'broker' },
      effects: [
        { subject: 'a message as it arrives', cardinality: 'at-least-once' },
        {
          subject: 'a message as it takes effect in the database of the inbox',
          cardinality: 'effectively-once',
          by: 'the inbox, and an acknowledgement that follows its commit',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-partition', basis: 'commit' },
      ack: 'committed',
      failure: [
        'killed anywhere: what was not acknowledged comes again',
        'a message that cannot be read, or fails as often as it is tried: parked in the inbox; those behind it go on',
        'database or broker away: waited for, without limit',
        'a version of headers that is not known, or no inbox in the database: the consumer stops with a named error',
      ],
      blocking: true,
      recovery: { by: 'relay', from: 'the offset, the unacknowledged messages, or the sender of the webhook' },
    },
  ],
  duplicates: 'Answered by the inbox.',
  blockedBy: ['the messages behind one in its partition or key, while it is tried again'],
  prerequisites: [
    'NATS: a durable consumer with explicit acknowledgement, or it is refused',
    'messages of Headwater’s sinks, or a read function',
  ],
  residual: [
    'a message that was parked after its attempts is out of order when it is retried, unless the inbox is ordered',
    'RabbitMQ and NATS: a message that comes again after a loss is behind those that were in hand',
  ],
  cost: [
    'one commit of the database per message',
    'as many messages in memory as inFlightMax, and what the client has fetched',
  ],
  claims: [
    {
      text: 'Kafka: killed before the transaction, each record has one effect.',
      heldBy: 'the Kafka consumer > has one effect for each record when it is killed before the transaction',
    },
    {
      text: 'Kafka: killed in the transaction.',
      heldBy: 'the Kafka consumer > has one effect for each record when it is killed in the transaction',
    },
    {
      text: 'Kafka: killed between commit and acknowledgement.',
      heldBy: 'the Kafka consumer > has one effect for each record when it is killed after the commit',
    },
    {
      text: 'Kafka: a poisoned record is parked, order of the partition kept.',
      heldBy:
        'the Kafka consumer > keeps the order of a partition, and parks what it cannot take without holding back the others',
    },
    {
      text: 'Kafka: a stop acknowledges what was committed.',
      heldBy: 'the Kafka consumer > stops by its signal with everything acknowledged that was committed',
    },
    {
      text: 'NATS: killed between commit and acknowledgement.',
      heldBy: 'the NATS consumer > has one effect for each message when it is killed after the commit',
    },
    {
      text: 'RabbitMQ: killed between commit and acknowledgement.',
      heldBy: 'the RabbitMQ consumer > has one effect for each message when it is killed after the commit',
    },
    {
      text: 'RabbitMQ: a lost connection is made again.',
      heldBy: 'the RabbitMQ consumer > connects again when its connection is lost, and goes on',
    },
    {
      text: 'Webhooks: success is answered for what is committed, and for nothing else.',
      heldBy: 'the webhook receiver > answers success only for what is committed, and the same to a duplicate',
    },
    {
      text: 'Webhooks: nothing unsigned is taken.',
      heldBy:
        'the webhook receiver > takes nothing that is not signed by one of its secrets, which may be two while one is replaced',
    },
  ],
};

/** Effects outside the database. */
export const effectStatement: GuaranteeStatement = {
  version: 1,
  id: 'effect',
  title: 'effects outside the database that belong to a message',
  resolution: 'at-most-once-guard',
  replaces: ['one commit of the database and somebody else’s service'],
  remains: [
    {
      boundary: { id: 'message → provider', kind: 'service' },
      effects: [
        {
          subject: 'a keyed effect',
          cardinality: 'effectively-once',
          by: 'the idempotency key of the message and the effect, for as long as the provider remembers it',
        },
        {
          subject: 'a checked effect',
          cardinality: 'effectively-once',
          by: 'a record before the call, and the provider’s answer to check before another',
        },
        { subject: 'a guarded effect', cardinality: 'at-most-once', by: 'a record that is committed before the call' },
      ],
      atomicity: 'none',
      synchronicity: 'sync',
      consistency: 'eventual',
      ordering: { scope: 'none' },
      ack: 'processed',
      failure: [
        'the answer is lost: keyed is called again with its key, checked is asked about, guarded is unknown',
        'the transaction behind it fails: the message comes again, and the effect is not repeated',
      ],
      blocking: true,
      recovery: { by: 'relay', from: 'the record of the effect, and the message that comes again' },
    },
  ],
  duplicates: 'A repeated call has the same key. A guarded effect is never called twice.',
  blockedBy: ['a provider that does not answer: the message waits and comes again'],
  prerequisites: [
    'keyed: a provider that honours keys for longer than the longest redelivery',
    'checked: a check that also knows of calls that are still under way',
  ],
  residual: [
    'an effect can be there although its message is never committed: it is not undone',
    'a guarded effect may be unknown, which the type of its result makes the handler deal with',
  ],
  cost: ['one commit before and one behind each call; none before for keyed'],
  claims: [
    {
      text: 'Keyed: one charge over ten attempts.',
      heldBy:
        'an effect outside the database > with a key is charged once over ten attempts, however often its answer or the transaction is lost',
    },
    {
      text: 'The key is never that of a client.',
      heldBy: 'an effect outside the database > has a key of its own for each message, sender, consumer and name',
    },
    {
      text: 'Guarded: at most one, and the record says unknown.',
      heldBy:
        'an effect outside the database > without a key is called at most once, and is unknown where its answer is not there',
    },
    {
      text: 'Guarded: no second call behind a process that died.',
      heldBy:
        'an effect outside the database > without a key is not called again behind a process that died in the call',
    },
    {
      text: 'Checked: asked before it is called again.',
      heldBy: 'an effect outside the database > with a check is asked about before it is called again',
    },
    {
      text: 'No transaction is open meanwhile.',
      heldBy:
        'an effect outside the database > runs outside of every transaction, and not at all for a message that took effect',
    },
  ],
};
