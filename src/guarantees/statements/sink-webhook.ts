import type { GuaranteeStatement } from '../../model/guarantee.ts';

/** The webhook sink. */
export const webhookStatement: GuaranteeStatement = {
  version: 1,
  id: 'webhook',
  title: 'signed webhooks to an endpoint, in order per key',
  resolution: 'idempotent-receiver',
  replaces: ['an atomic commit of PostgreSQL and somebody else’s service'],
  remains: [
    {
      boundary: { id: 'journal → endpoint', kind: 'service' },
      effects: [
        { subject: 'a request as it arrives', cardinality: 'at-least-once' },
        {
          subject: 'what the receiver does in the transaction in which it notes webhook-id',
          cardinality: 'effectively-once',
          by: 'the id, the same over every delivery, as the key of the receiver’s inbox',
        },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'unbounded',
      ordering: { scope: 'per-key', basis: 'commit' },
      ack: 'responsibility-transferred',
      failure: [
        'endpoint away, overloaded, too late, answer lost: the record is sent again with the same id; later records of its key wait',
        'record refused, endpoint gone, sender refused, redirect, address that is not public, certificate: the lane stops with a named error',
      ],
      blocking: false,
      recovery: { by: 'relay', from: 'the checkpoint, then the journal' },
    },
  ],
  duplicates: 'The request comes again with the same webhook-id. A receiver that noted it with its effect drops it.',
  blockedBy: ['one record that the receiver refuses, or an endpoint that is gone: its lane stops, others go on'],
  prerequisites: ['an endpoint with a public address, or a permitted one', 'a secret that both sides know'],
  residual: [
    'the receiver’s own effect: noting webhook-id in the same transaction is its part',
    'a receiver that answers 200 before it keeps the record loses it with its next crash',
  ],
  cost: ['one request per record; records of one key wait for each other’s answers'],
  claims: [
    {
      text: 'Every record arrives, in order per key.',
      heldBy: 'the sink webhook, by what arrives > writes every record once and keeps the order of each key',
    },
    {
      text: 'A kill between the answer and the checkpoint has no second effect at a receiver that notes webhook-id.',
      heldBy:
        'the sink webhook, by what a receiver does that notes webhook-id with its effect > gives effects as stated when its process is killed between an effect and the checkpoint',
    },
    {
      text: 'A lost answer loses nothing and has no second effect at such a receiver.',
      heldBy:
        'the sink webhook, by what a receiver does that notes webhook-id with its effect > finds out what became of an effect whose reply was lost',
    },
    {
      text: 'Signatures are those of Standard Webhooks.',
      heldBy: 'a signature of Standard Webhooks > is that of the reference vectors, for HMAC-SHA256 and for ed25519',
    },
    {
      text: 'A secret is replaced without a request refused.',
      heldBy: 'the webhook sink > has a receiver change from the old secret to the new one without a request refused',
    },
    {
      text: 'Only a whole answer of 200 to 299 acknowledges.',
      heldBy: 'an answer that is not one > (200 and half of a body) is no acknowledgement: the record is sent again',
    },
    {
      text: 'A redirect is not followed.',
      heldBy: 'an endpoint that answers > 307 is not followed: nothing reaches the other address',
    },
    {
      text: 'The address that was checked is the one connected, also when the name changes in between.',
      heldBy:
        'a name > that turns private after it was checked leads nowhere else: the checked address is the one connected',
    },
    {
      text: 'Retry-After holds for every key of the endpoint.',
      heldBy:
        'an endpoint that answers > with Retry-After gets nothing of any key before that time, and everything afterwards',
    },
    {
      text: 'An endpoint that is gone stops its lane in front of the record.',
      heldBy:
        'an endpoint that answers > 410 stops the lane in front of the record, which is sent again when the lane is resumed',
    },
  ],
};
