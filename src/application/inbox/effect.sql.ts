import { quoteQualified } from '../../postgres/quote.ts';

/** The statements about effects outside the database; $1 is the idempotency key. Each commits by itself, before or behind a call. */
export function createEffectStatements(
  schemaName: string,
): Readonly<Record<'begin' | 'write' | 'release' | 'takeOver' | 'read', string>> {
  const effect = quoteQualified(schemaName, 'inbox_effect');
  const columns = 'idempotency_key, installation, consumer, message_id, effect';
  return {
    /** A row: nobody has begun it before. */
    begin: `insert into ${effect} (${columns}, state) values ($1, $2, $3, $4, $5, 'begun')
on conflict (idempotency_key) do nothing returning 1 as begun`,
    /** $6 state, $7 result as JSON. What is done stays done. */
    write: `insert into ${effect} as e (${columns}, state, result) values ($1, $2, $3, $4, $5, $6, $7::text::json)
on conflict (idempotency_key) do update set state = excluded.state, result = excluded.result where e.state <> 'done'`,
    release: `update ${effect} set begun_at = '-infinity' where idempotency_key = $1 and state = 'begun'`,
    /** $2 when it was begun as it was read, in a form that no time zone of a session changes. A row: this attempt has it now. */
    takeOver: `update ${effect} set begun_at = pg_catalog.clock_timestamp()
where idempotency_key = $1 and state = 'begun' and extract(epoch from begun_at)::text = $2 returning 1 as taken`,
    read: `select state, result::text as result, extract(epoch from begun_at)::text as begun,
  (case when begun_at = '-infinity' then 1e18 else extract(epoch from pg_catalog.clock_timestamp() - begun_at) * 1000 end)::text as age
from ${effect} where idempotency_key = $1`,
  };
}
