import { quoteQualified } from '../../postgres/quote.ts';

/*
 * Every statement on one key. Names of result columns are single words: a plugin of the query builder may rewrite others.
 *
 * Parameters $1 to $4 are the key: installation, principal, operation, key. A statement of a holder has its epoch in $5 and takes
 * effect only while that is the epoch of the row and the row is not finished: that is the fence. `now()` is the only clock.
 *
 * Lock: each touches one row. A holder's last statement in its transaction keeps the row locked until the commit is decided, so
 * that `release` and `take over` on another connection wait for that decision and never guess it.
 */
const byKey = 'installation = $1 and principal = $2 and operation = $3 and key = $4';
const asHolder = `${byKey} and lease_epoch = $5::text::bigint and finished_at is null`;
const row = `encode(fingerprint, 'hex') as fingerprint,
  run_id::text as run,
  context::text as context,
  input,
  steps::text as steps,
  lease_epoch::text as epoch,
  (extract(epoch from leased_until - now()) * 1000)::text as remaining,
  attempt_count::text as attempt,
  response_status::text as status,
  response_headers::text as headers,
  encode(response_body, 'base64') as body,
  floor(extract(epoch from expires_at))::bigint::text as expires`;

/** How long `release` waits for a commit that is under way. */
const settleMsMax = 5000;
/** How long a request does: it looks again then. */
const lockMsMax = 1000;

/** Bounds the wait for a row that a holder's commit has locked: SQLSTATE 55P03 then. */
const patience = (milliseconds: number): string => `patience as materialized (
  select pg_catalog.set_config('lock_timeout', '${milliseconds}', true) as chosen
)`;

/** A holder that stops between this statement and its COMMIT is rolled back by the server, so that it locks nobody out for longer than a lease. */
const pause = (leaseParameter: string): string => `pause as materialized (
  select pg_catalog.set_config('idle_in_transaction_session_timeout', ${leaseParameter}::text, true) as chosen
)`;

/** The statements for the table of one schema. */
export interface IdempotencySql {
  readonly claim: string;
  readonly read: string;
  readonly takeOver: string;
  readonly renew: string;
  readonly release: string;
  readonly addStep: string;
  readonly hasMore: string;
  readonly finish: string;
  readonly listAbandoned: string;
  readonly listUnfinished: string;
  readonly reap: string;
}

/** Writes them once. */
export function createIdempotencySql(schemaName: string): IdempotencySql {
  const table = quoteQualified(schemaName, 'idempotency_key');
  return { ...createAcquiring(table), ...createHolding(table), ...createSweeping(table) };
}

/** What a request does before it has a lease. */
function createAcquiring(table: string): Pick<IdempotencySql, 'claim' | 'read' | 'takeOver'> {
  return {
    /*
     * $5 fingerprint (hex), $6 input, $7 holder, $8 lease in ms, $9 expiry in ms, $10 context. Not waited for on disk: the first commit
     * behind it, of the transaction or of the `renew` in front of a call, takes it along, and a claim that a crash loses before that
     * had no effect. Gives no row when another one claimed the key at this very moment. An INSERT waits for a commit on the row
     * that it meets, so it has a limit.
     */
    claim: `with ${patience(lockMsMax)}, durability as materialized (
  select pg_catalog.set_config('synchronous_commit', 'off', true) as chosen
), claimed as (
  insert into ${table} (installation, principal, operation, key, fingerprint, input, lease_holder, leased_until, expires_at, context)
  select $1, $2, $3, $4, decode($5::text, 'hex'), $6::text, $7::text,
    now() + $8::text::bigint * interval '1 millisecond', now() + $9::text::bigint * interval '1 millisecond', $10::text::jsonb
  from durability, patience where durability.chosen is not null and patience.chosen is not null
  on conflict (installation, principal, operation, key) do nothing
  returning fingerprint, run_id, context, input, steps, lease_epoch, leased_until, attempt_count, response_status, response_headers,
    response_body, expires_at
)
select 'true' as claimed, ${row} from claimed
union all
select 'false' as claimed, ${row} from ${table} where ${byKey} and not exists (select from claimed)`,

    read: `select 'false' as claimed, ${row} from ${table} where ${byKey}`,

    /** $5 the epoch that was read, $6 holder, $7 lease in ms. No row: another one was faster, or the holder is back. */
    takeOver: `with ${patience(lockMsMax)}
update ${table} set lease_epoch = lease_epoch + 1, lease_holder = $6, locked_at = now(),
  leased_until = now() + $7::text::bigint * interval '1 millisecond', attempt_count = attempt_count + 1
from patience where patience.chosen is not null and ${asHolder} and leased_until <= now()
returning 'true' as claimed, ${row}`,
  };
}

/** What only the holder of a lease does. */
function createHolding(table: string): Pick<IdempotencySql, 'renew' | 'release' | 'addStep' | 'hasMore' | 'finish'> {
  return {
    /** $6 lease in ms. */
    renew: `update ${table} set leased_until = now() + $6::text::bigint * interval '1 millisecond' where ${asHolder}
returning lease_epoch::text as epoch`,

    release: `with ${patience(settleMsMax)}
update ${table} set leased_until = now() from patience where patience.chosen is not null and ${asHolder}
returning lease_epoch::text as epoch`,

    /**
     * $6 step as JSON, $7 its name or NULL for one that is not done, $8 lease in ms, $9 how many are stored before it: one that is there
     * already is not added again.
     */
    addStep: `with ${pause('$8')}
update ${table} set steps = steps || jsonb_build_array($6::text::jsonb), recovery_point = coalesce($7::text, recovery_point),
  leased_until = greatest(leased_until, now() + $8::text::bigint * interval '1 millisecond')
from pause where pause.chosen is not null and ${asHolder} and jsonb_array_length(steps) = $9::text::integer
returning lease_epoch::text as epoch`,

    /** $5 a number of steps. A row: more than those are stored, or the key is finished. */
    hasMore: `select 'true' as more from ${table}
where ${byKey} and (finished_at is not null or jsonb_array_length(steps) > $5::text::integer)`,

    /** $6 status, $7 headers as JSON, $8 body, $9 expiry in ms, $10 lease in ms. What only going on needs is forgotten. */
    finish: `with ${pause('$10')}
update ${table} set finished_at = now(), leased_until = null, recovery_point = 'finished', input = null, steps = '[]',
  response_status = $6::text::smallint, response_headers = $7::text::jsonb, response_body = $8::bytea,
  expires_at = now() + $9::text::bigint * interval '1 millisecond'
from pause where pause.chosen is not null and ${asHolder}
returning floor(extract(epoch from expires_at))::bigint::text as expires`,
  };
}

/** What looks at many keys. */
function createSweeping(table: string): Pick<IdempotencySql, 'listAbandoned' | 'listUnfinished' | 'reap'> {
  return {
    /** $1 installation, $2 operations as a JSON array, $3 how long a lease has ended, in ms, $4 attempts at most, $5 limit. */
    listAbandoned: `select principal, operation, key, lease_epoch::text as epoch from ${table}
where finished_at is null and installation = $1 and operation in (select jsonb_array_elements_text($2::text::jsonb))
  and leased_until <= now() - $3::text::bigint * interval '1 millisecond' * least(attempt_count, 60) and attempt_count < $4::text::integer
order by leased_until limit $5::text::integer`,

    /** $1 installation, $2 age in ms, $3 limit. */
    listUnfinished: `select principal, operation, key, recovery_point as point, attempt_count::text as attempts, lease_holder as holder,
  (extract(epoch from created_at) * 1000)::bigint::text as created, (leased_until > now())::text as held
from ${table}
where finished_at is null and installation = $1 and created_at <= now() - $2::text::bigint * interval '1 millisecond'
order by created_at limit $3::text::integer`,

    /** $1 installation, $2 limit. What another reaper has locked is left to it; what has not finished is never looked at. */
    reap: `delete from ${table} where (installation, principal, operation, key) in (
  select installation, principal, operation, key from ${table}
  where finished_at is not null and expires_at <= now() and installation = $1
  order by expires_at limit $2::text::integer for update skip locked
)
returning 'true' as reaped`,
  };
}
