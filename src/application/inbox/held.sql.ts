import { quoteQualified } from '../../postgres/quote.ts';
import { isDue, oneMessage } from './inbox.sql.ts';

/** Of messages that are set aside. $1 is the sender, $2 the consumer, $3 the message, where nothing else is said. */
export function createHeldStatements(
  schemaName: string,
): Readonly<
  Record<'hold' | 'readHeld' | 'takeHeld' | 'discard' | 'skip' | 'listHeld' | 'parkLate' | 'listDue', string>
> {
  const key = quoteQualified(schemaName, 'inbox_key');
  const held = quoteQualified(schemaName, 'inbox_held');
  return {
    /** $4 state, $5 reason, $6 key, $7 version, $8 envelope as JSON, $9 content. */
    hold: `insert into ${held} as h (installation, consumer, message_id, state, reason, key, version, envelope, content)
values ($1, $2, $3, $4, $5, $6, $7::text::bigint, $8::text::json, $9::bytea)
on conflict (installation, consumer, message_id) do update
set state = excluded.state, reason = excluded.reason, held_at = pg_catalog.now()`,
    readHeld: `select h.envelope::text as envelope, pg_catalog.encode(h.content, 'base64') as content, h.key
from ${held} h where ${oneMessage} and h.state <> 'discarded'`,
    takeHeld: `delete from ${held} where ${oneMessage} and state <> 'discarded' returning 1 as taken`,
    /** $4 the reason. The content goes, the row stays as the record of it. */
    discard: `update ${held} set state = 'discarded', reason = $4, content = null, held_at = pg_catalog.now()
where ${oneMessage} and state <> 'discarded' returning key, version::text as version`,
    /** $3 key, $4 the version that is given up. Moves the key where its turn had come, and gives the message that waits behind it. */
    skip: `with moved as (
  update ${key} set version = $4::text::bigint where installation = $1 and consumer = $2 and key = $3 and version = $4::text::bigint - 1 returning 1
)
select h.message_id as next from ${held} h, moved
where h.installation = $1 and h.consumer = $2 and h.key = $3 and h.version = $4::text::bigint + 1 and ${isDue} limit 1`,
    /** $1 consumer, $2 state or null, $3 how many. */
    listHeld: `select h.installation as sender, h.message_id as id, h.state, h.reason, h.key, h.version::text as version,
  (extract(epoch from h.held_at) * 1000)::bigint::text as held
from ${held} h where h.consumer = $1 and ($2::text is null or h.state = $2) order by h.held_at, h.message_id limit $3::text::integer`,
    /** $1 consumer, $2 how long one may wait in milliseconds. */
    parkLate: `with late as (
  update ${held} set state = 'parked'
  where consumer = $1 and state = 'waiting' and held_at < pg_catalog.now() - $2::text::bigint * interval '1 millisecond' returning 1
)
select count(*)::text as count from late`,
    /** $1 consumer, $2 how many. Messages whose predecessor took effect. */
    listDue: `select h.installation as sender, h.message_id as id from ${held} h
join ${key} k using (installation, consumer, key)
where h.consumer = $1 and h.version <= k.version + 1 and ${isDue} order by h.held_at limit $2::text::integer`,
  };
}
