import { quoteQualified } from '../../postgres/quote.ts';

/** Of a consumer as a whole: its registration, and the removal of its receipts. */
export function createConsumerStatements(
  schemaName: string,
): Readonly<
  Record<'register' | 'changeRetention' | 'removedBefore' | 'isBeyond' | 'moveRemoval' | 'removeReceipts', string>
> {
  const inbox = quoteQualified(schemaName, 'inbox');
  const consumer = quoteQualified(schemaName, 'inbox_consumer');
  const held = quoteQualified(schemaName, 'inbox_held');
  const effect = quoteQualified(schemaName, 'inbox_effect');
  return {
    /** $1 consumer, $2 retention in milliseconds. A row: the consumer is new here; `others` counts those that were there. */
    register: `insert into ${consumer} as c (consumer, retention_ms) values ($1, $2::text::bigint)
on conflict (consumer) do nothing returning (select count(*) from ${consumer})::text as others`,
    /** $1 consumer, $2 retention in milliseconds. Gives the one before, if it was another. */
    changeRetention: `update ${consumer} c set retention_ms = $2::text::bigint
from (select retention_ms from ${consumer} where consumer = $1) as before
where c.consumer = $1 and c.retention_ms <> $2::text::bigint returning before.retention_ms::text as before`,
    /** $1 consumer. Up to when receipts were removed, in milliseconds since 1970. */
    removedBefore: `select (extract(epoch from removed_before) * 1000)::text as removed from ${consumer} where consumer = $1`,
    /** $1 consumer, $2 when the message was sent at the latest, in milliseconds since 1970. Holds back a clean-up until the end. */
    isBeyond: `select (removed_before > pg_catalog.to_timestamp($2::float8 / 1000))::text as beyond from ${consumer}
where consumer = $1 for share`,
    /** $1 consumer, $2 retention in milliseconds; a longer one of a newer process counts. Waits for transactions that look at it. */
    moveRemoval: `update ${consumer} set removed_before = greatest(removed_before,
  pg_catalog.now() - greatest($2::text::bigint, retention_ms) * interval '1 millisecond')
where consumer = $1`,
    /** $1 consumer, $2 how many. What is held keeps its receipt. */
    removeReceipts: `with old as (
  select r.installation, r.message_id from ${inbox} r join ${consumer} c using (consumer)
  where r.consumer = $1 and r.received_at < c.removed_before
    and not exists (select from ${held} h
      where (h.installation, h.consumer, h.message_id) = (r.installation, r.consumer, r.message_id) and h.state <> 'discarded')
  order by r.received_at limit $2::text::integer for update of r skip locked
), gone as (
  delete from ${inbox} r using old
  where r.installation = old.installation and r.consumer = $1 and r.message_id = old.message_id returning r.message_id
), gone_held as (
  delete from ${held} h using old
  where h.installation = old.installation and h.consumer = $1 and h.message_id = old.message_id
), gone_effects as (
  delete from ${effect} e using old
  where e.installation = old.installation and e.consumer = $1 and e.message_id = old.message_id
)
select count(*)::text as count from gone`,
  };
}
