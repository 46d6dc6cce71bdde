import type { Claim, GuaranteeStatement } from '../../model/guarantee.ts';

const onPg = 'transact on PostgreSQL 18, as the application role > pg > ';
const badNetwork = 'transact over a bad network, PostgreSQL 18 > pg > ';
const races = 'units of work that meet, PostgreSQL 18 > ';
const fresh = 'reads behind a version token, PostgreSQL 18 > ';

const transactClaims: readonly Claim[] = [
  {
    text: 'Rows and gathered events commit together.',
    heldBy: `${onPg}commits rows and gathered events together, and says so with a token behind the commit`,
  },
  {
    text: 'An error of the callback rolls both back.',
    heldBy: `${onPg}rolls back for an error of the callback, and gives that error`,
  },
  {
    text: 'A transaction whose failure was swallowed is refused.',
    heldBy: `${onPg}refuses a transaction whose failure was swallowed, and says that nothing was applied`,
  },
  {
    text: 'A COMMIT that was answered with ROLLBACK is no commit.',
    heldBy: `${onPg}takes a COMMIT that answered ROLLBACK for no commit`,
  },
  {
    text: 'A transaction that was ended inside the callback is named, and no event of it is written.',
    heldBy: `${onPg}names a transaction that was ended inside the callback, and writes no event of it`,
  },
  {
    text: 'A commit whose answer was lost is recognised, and the work is not run again.',
    heldBy: `${badNetwork}knows that it was committed although the answer to COMMIT was lost, and does not run again`,
  },
  {
    text: 'A COMMIT that never arrived is recognised as not applied.',
    heldBy: `${badNetwork}knows that it was not applied when COMMIT has never arrived`,
  },
  {
    text: 'While nobody can be asked the outcome is indeterminate, and the receipt tells it later.',
    heldBy: `${badNetwork}does not guess while nobody can be asked, and the receipt tells later (COMMIT arrived)`,
  },
  {
    text: 'After a crash, another transaction that was given the same id is not taken for the lost one.',
    heldBy: 'transact and a PostgreSQL 18 that crashes > never takes another transaction with the same id for its own',
  },
  {
    text: 'Serialization failures are run again until each unit was applied once.',
    heldBy: `${races}run again after a serialization failure until each was applied once`,
  },
  { text: 'Deadlocks are run again.', heldBy: `${races}run again after a deadlock` },
  {
    text: 'Attempts and time are bounded, and nothing is applied when they are used up.',
    heldBy: `${races}give up within attempts and time, with nothing applied`,
  },
  {
    text: 'Of several who write by the same expected version one wins; the others get a typed conflict.',
    heldBy: `${races}write a row by expected version: one wins, the others get a typed conflict (read committed)`,
  },
  {
    text: 'A second store, or a second transaction of the same one, is refused inside a unit of work.',
    heldBy: `${onPg}is refused inside another unit, on the same database and on a second one`,
  },
  {
    text: 'With a guard on, network I/O in the callback fails the unit, and nothing is written.',
    heldBy: 'a guard > fails a unit of work that calls by fetch, before the call has left, and nothing is written',
  },
];

/** `transact`. */
export const transactStatement: GuaranteeStatement = {
  version: 1,
  id: 'transact',
  title: 'a unit of work in one transaction of one store, with an outcome that is known or said not to be',
  resolution: 'local-transaction',
  replaces: ['two writes by one request', 'an error of COMMIT that is taken for a rollback'],
  remains: [
    {
      boundary: { id: 'application → PostgreSQL', kind: 'transaction' },
      effects: [
        {
          subject: 'rows and events of one call',
          cardinality: 'at-most-once',
          by: 'one transaction; run again only when PostgreSQL itself rolled it back for a conflict',
        },
      ],
      atomicity: 'atomic',
      synchronicity: 'sync',
      consistency: 'strong',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'committed',
      failure: [
        'committed: PostgreSQL has answered COMMIT, or says so by the transaction id',
        'not applied: PostgreSQL refused it, or says that it was rolled back',
        'indeterminate: nobody could be asked in time, the primary is another one, or it has recovered from a crash; never run again by itself',
      ],
      blocking: true,
      recovery: { by: 'client', from: 'the receipt, and its own request under an idempotency key' },
    },
  ],
  duplicates:
    'A caller that runs the work again after an indeterminate outcome may apply it twice, unless its own key prevents that.',
  blockedBy: ['the primary: nothing else'],
  prerequisites: [
    'the pool or root object of one primary, recognised by its structure',
    'EXECUTE on pg_control_system, pg_walfile_name and pg_xact_status, which PUBLIC has by default',
  ],
  residual: [
    'isolation is that of the session, read committed by default: what was read may be old at the write; writeExpected or a stricter level prevents that',
    'the callback is run again after a conflict: what it does beside its transaction, it does again; a guard (headwater/guard) finds network I/O in it, in development',
    'a commit with synchronous_commit = off, or on a primary that is lost, may be lost after it was reported as committed',
    'a callback that ends the transaction by itself is noticed only when it resolves',
    'a second unit of work inside a first is noticed where the runtime has AsyncLocalStorage',
  ],
  cost: [
    'one statement before COMMIT, which also writes the gathered events',
    'behind COMMIT nothing with pg; one statement with Drizzle and Kysely, and one behind BEGIN',
  ],
  claims: transactClaims,
};

/** Version tokens and the reads that wait for them. */
export const versionTokenStatement: GuaranteeStatement = {
  version: 1,
  id: 'version-token',
  title: 'a read of a derived store that sees the write it follows, or says that it does not',
  resolution: 'change-data-capture',
  replaces: ['reading the primary after each write', 'a pause that is hoped to be long enough'],
  remains: [
    {
      boundary: { id: 'derived store → reader', kind: 'projection' },
      effects: [
        {
          subject: 'everything that a token stands for, in an answer',
          cardinality: 'effectively-once',
          by: "the token lies behind the commit, and the lane's position behind the token",
        },
      ],
      atomicity: 'atomic-partial-states-visible',
      synchronicity: 'async',
      consistency: 'eventual',
      staleness: 'bounded-by-token',
      ordering: { scope: 'total', basis: 'commit' },
      ack: 'processed',
      failure: [
        'not fresh in time: HW-TOKEN-005 with the lag, never an older answer',
        'another system or timeline: a refusal by name; the primary has to be read',
        'records up to the token are parked: HW-TOKEN-007',
      ],
      blocking: false,
      recovery: { by: 'client', from: 'the token that it carries, on any instance' },
    },
  ],
  duplicates: 'A token may be waited for any number of times.',
  blockedBy: ['the lane that is waited for, and capture; no write waits'],
  prerequisites: [
    'a token that was taken behind COMMIT on the primary',
    'for a standby: a pool of which each connection leads to it',
  ],
  residual: [
    'what a token stands for is all that committed before it, so it may wait for transactions of others',
    'an acknowledgement means what the statement of the sink says: a search index may show a document some time later',
    'a token is no signature: a client can make itself wait, or not',
    'a physical standby may not know of a failover of its primary before its next restart point',
  ],
  cost: [
    '44 characters for each request',
    'on an idle database one status message and one flush of the journal for a wait',
  ],
  claims: [
    {
      text: 'A token is never below the end of its commit, with and without synchronous_commit.',
      heldBy: `${races}get tokens that are never below the end of their commits, with and without synchronous_commit`,
    },
    {
      text: 'A read behind a token sees the write, on every lane and in a view.',
      heldBy: `${fresh}see the write, on every lane and in a view, each time`,
    },
    { text: 'Also from another process.', heldBy: `${fresh}see the write over HTTP, from another process` },
    {
      text: 'A wait ends promptly when nothing follows, also for commits that nobody publishes.',
      heldBy: `${fresh}end promptly when nothing follows, also for commits that nobody publishes`,
    },
    {
      text: 'A wait that takes too long is told so with the lag, and gets no older answer.',
      heldBy: `${fresh}are told by name that they wait for too much, with the lag, and never get an older answer`,
    },
    {
      text: 'A wait for what is parked is refused at once, and answered when it is released.',
      heldBy: `${fresh}are refused at once when what the token stands for is parked, and get their answer when it is released`,
    },
    {
      text: 'A token of another system or timeline, and what is no token, is a refusal by name.',
      heldBy: `${fresh}refuse a token of another system, of another timeline, and what is no token`,
    },
    {
      text: 'A token that was cut or changed is refused.',
      heldBy: 'a version token > is refused whatever single character was changed, lost or added',
    },
    {
      text: 'A physical standby is waited for in the same way, and refuses tokens of another timeline once it is promoted.',
      heldBy:
        'reads of a physical standby behind a version token > see the write once it is replayed, are told the lag before, and refuse tokens of other histories',
    },
    {
      text: "A client's token only rises.",
      heldBy:
        'a fetch handler with version tokens > gives a client a token that only rises, from request to request, whichever instance answers',
    },
  ],
};
