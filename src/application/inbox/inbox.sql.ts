import { countReceiptStatement, insertReceiptStatement } from '../../postgres/inbox-receipt.ts';
import { quoteQualified } from '../../postgres/quote.ts';

/*
 * Everything runs in READ COMMITTED or above. $1 is the sender, $2 the consumer, $3 the message, where nothing else is said. Within a
 * transaction the row of the key is locked first, then the receipt, then the held row, so that no two of them wait for each other.
 */

/** A statement that writes, in two forms: a row for each row that it wrote, or none for a client that counts them itself. */
export interface Write {
  readonly returning: string;
  readonly counted: string;
}

/** One message. */
export const oneMessage: string = 'installation = $1 and consumer = $2 and message_id = $3';
/** Held messages that are taken as soon as their turn has come. */
export const isDue: string = `(h.state = 'waiting' or (h.state = 'parked' and h.reason like 'gap%'))`;

/** Of a message that is taken: receipt, reply, order. */
export function createReceiptStatements(
  schemaName: string,
): Readonly<Record<'known' | 'verify' | 'lockKey' | 'advance', string> & Record<'claim' | 'keepReply', Write>> {
  const inbox = quoteQualified(schemaName, 'inbox');
  const key = quoteQualified(schemaName, 'inbox_key');
  const held = quoteQualified(schemaName, 'inbox_held');
  return {
    /** $4 fingerprint. Waits for another transaction that writes the same receipt. */
    claim: {
      returning: insertReceiptStatement(schemaName, ['fingerprint']),
      counted: countReceiptStatement(schemaName, ['fingerprint']),
    },
    /** $4 fingerprint. What is known of a message. */
    known: `select (r.fingerprint is null or r.fingerprint = $4::bytea)::text as same, r.reply::text as reply, h.state, h.reason,
  k.version::text as seen
from ${inbox} r
left join ${held} h using (installation, consumer, message_id)
left join ${key} k on k.installation = h.installation and k.consumer = h.consumer and k.key = h.key
where r.installation = $1 and r.consumer = $2 and r.message_id = $3`,
    /** $4 the reply as JSON. No row: the receipt is not there any more, so the transaction was ended inside. */
    keepReply: {
      returning: `update ${inbox} set reply = $4::text::json where ${oneMessage} returning 1 as kept`,
      counted: `update ${inbox} set reply = $4::text::json where ${oneMessage}`,
    },
    /** Fails in a transaction that has failed, and gives no row in one that does not have the receipt. */
    verify: `select 1 as kept from ${inbox} where ${oneMessage}`,
    /** $3 key, $4 the version before the first. Locks the key until the transaction ends, and gives its version. */
    lockKey: `insert into ${key} as k (installation, consumer, key, version) values ($1, $2, $3, $4::text::bigint)
on conflict (installation, consumer, key) do update set version = k.version returning k.version::text as version`,
    /** $3 key, $4 the version that took effect. Gives the message that waits for it, if one does. */
    advance: `with moved as (
  update ${key} set version = $4::text::bigint where installation = $1 and consumer = $2 and key = $3
)
select h.message_id as next from ${held} h
where h.installation = $1 and h.consumer = $2 and h.key = $3 and h.version = $4::text::bigint + 1 and ${isDue} limit 1`,
  };
}
