import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The NATS JetStream sink. */
export const natsStatement: GuaranteeStatement = {
  version: 1,
  id: 'nats',
  title: 'records to a JetStream stream, in commit order',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and NATS'],
  remains: [
    {
      boundary: { id: 'journal → JetStream', kind: 'broker' },
      effects: [
        {
          subject: 'a record as a message of the stream',
          cardinality: 'effectively-once',
          by: 'the expected last sequence and message id on every message, and the last position read back from the stream after every unknown outcome',
        },
        { subject: 'a message at a consumer', cardinality: 'at-least-once' },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'committed',
      failure: [
        'server away, reply lost, connection cut: the lane reads its position back from the last message and goes on',
        'the stream has lost its end or was restored from an older copy: what is missing is delivered again',
        'somebody else publishes into the stream, the stream was made again, the last message of an interrupted batch was removed: the lane stops with a named error',
        'record over the limit, missing stream, subject that the stream does not take, wrong credentials: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the last message of the stream and the position stream, then the journal' },
    },
  ],
  duplicates:
    'None in the stream: a repeated message finds its number taken, also after the duplicate window is over. Every message carries its stable id in Nats-Msg-Id and headwater-id; a consumer that crashes between its effect and its acknowledgement drops duplicates by it.',
  blockedBy: ['one record that the server refuses: its lane stops, others go on'],
  prerequisites: [
    'a file stream for each lane, into which nobody else publishes',
    'a server that has flushed what it acknowledges (sync_interval: always), or several replicas that do not fail together',
  ],
  residual: [
    'the consumer’s own effect: its inbox or an idempotent write is its part',
    'a source transaction of several records becomes visible message by message',
    'messages that the server acknowledged and lost are delivered again as long as the journal keeps them, and consumers may have seen them',
    'an accepted stream sequence (acceptStreamSequence) may repeat the batch that was interrupted there, with the same ids',
  ],
  cost: ['one more message per batch, for the position', 'some 400 bytes of headers per message'],
  claims: [
    {
      text: 'Every record once in the stream, in order.',
      heldBy: 'the sink nats > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between the write and the checkpoint repeats nothing.',
      heldBy: 'the sink nats > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A lost reply is found out, not guessed.',
      heldBy: 'the sink nats > finds out what became of an effect whose reply was lost',
    },
    {
      text: 'A repetition is refused after the duplicate window, too.',
      heldBy: 'the NATS sink > a repetition is refused by the stream after the duplicate window is over',
    },
    {
      text: 'A message of somebody else is named, and lets no later record pass an earlier one.',
      heldBy:
        'the NATS sink > somebody else who publishes into the stream at any moment is named, and leaves no hole among the records',
    },
    {
      text: 'Retention and purges do not lose the position.',
      heldBy: 'the NATS sink > keeps its position where retention or a purge has removed every message',
    },
    {
      text: 'A stream that lost its end gets it again.',
      heldBy:
        'a NATS server that is not what it was > a stream that was restored from an older copy gets again what it has lost',
    },
    {
      text: 'A stream that was made again is refused by name.',
      heldBy: 'the NATS sink > refuses by name a stream that was deleted and made again',
    },
    {
      text: 'An older writer of the lane is refused by name.',
      heldBy:
        'the NATS sink > an older writer of a lane is refused by name, and whatever it still published is counted once',
    },
  ],
};
