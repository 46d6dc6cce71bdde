import type { BoundaryGuarantee, GuaranteeStatement } from '../../model/guarantee.ts';

const atRequest: BoundaryGuarantee = {
  boundary: { id: 'client → operation', kind: 'client' },
  effects: [
    {
      subject: 'what the operation writes in the database of its keys, its events and its answer',
      cardinality: 'effectively-once',
      by: 'the key of the client, committed with them in one transaction and fenced by the epoch of its lease',
    },
    {
      subject: 'a call of a foreign system that honours keys',
      cardinality: 'effectively-once',
      by: "the call's own key, the same at each attempt, and its stored result",
    },
    {
      subject: 'an effect of a foreign system that can be asked what became of it',
      cardinality: 'effectively-once',
      by: 'a mark in front of the call, and the question in front of a second one',
    },
    { subject: 'an effect of a foreign system that is declared as guarded', cardinality: 'at-most-once' },
    { subject: 'a plain call of a foreign system that honours no keys', cardinality: 'at-least-once' },
  ],
  atomicity: 'atomic-partial-states-visible',
  synchronicity: 'sync',
  consistency: 'strong',
  ordering: { scope: 'none' },
  ack: 'committed',
  failure: [
    'the process dies: its lease ends, and a repetition or the completer goes on behind the last step that was committed',
    'the connection is lost in COMMIT: the row of the key is asked behind that commit; while it cannot be, the answer is 503 and nothing is kept',
    'the holder comes late: its statements name an older epoch, take no effect, and its transaction is rolled back',
  ],
  blocking: true,
  recovery: { by: 'completer', from: 'the row of the key: its input, its steps, its epoch' },
};

const pg = 'idempotency keys with pg on PostgreSQL 18, as the application role';
const phases = 'operations in phases with pg';
const effects = 'effects of operations in phases';
const example = 'the example of idempotency keys';

/** Requests with an `Idempotency-Key`. */
export const idempotencyStatement: GuaranteeStatement = {
  version: 1,
  id: 'idempotency',
  title: 'requests with an Idempotency-Key: the answer is committed with the effects',
  resolution: 'idempotency-key',
  replaces: ['an atomic commit with the client', 'an answer cache beside the database'],
  remains: [atRequest],
  duplicates: 'A repetition gets the status, headers and body of the first answer, marked, until the key expires.',
  blockedBy: ['the database', 'the lease of a process that died, until it ends'],
  prerequisites: [
    'the table idempotency_key in the database that the operation writes',
    'a principal that authentication vouches for',
    'operations whose steps stay the same while one of them is half done',
  ],
  residual: [
    'two keys are two wishes: what must never happen twice needs a constraint of the database',
    'a key that has expired and was removed is a new one',
    'with synchronous_commit = off in the application, a crash of the server forgets answers that were given',
    'steps that are done are seen by others before the operation has finished',
    'what came of a guarded effect may stay unknown: the operation is told, and has to deal with it',
  ],
  cost: [
    'one statement in front of the operation, whose flush the transaction takes along, and one inside its transaction',
    'for each step one statement, and a commit',
    'one statement more behind the commit with libraries that hide the answer to it: all but pg, Kysely and Prisma',
  ],
  claims: [
    {
      text: 'A repetition gets the first answer, and there is one effect and one event.',
      heldBy: `${pg} > answers a repetition as the first request, marked, with one effect and one event`,
    },
    {
      text: 'Requests that come at once have one effect and one answer.',
      heldBy: `${pg} > gives requests that come at once the answer of one of them, with one effect`,
    },
    {
      text: 'Another content under a key is refused.',
      heldBy: `${pg} > refuses a key that was used for another content with 422, finished or not`,
    },
    {
      text: 'Keys of two principals and of two operations do not meet.',
      heldBy: `${pg} > keeps the keys of two principals and of two operations apart`,
    },
    {
      text: 'A request beyond its wait is told when to come again.',
      heldBy: `${pg} > answers 409 with Retry-After when the first takes longer than the wait`,
    },
    {
      text: 'What was refused before it began is not kept.',
      heldBy: `${pg} > keeps no refusal of an input, and answers a finished key whatever is refused now`,
    },
    {
      text: 'A failure that is not definite is never kept as the answer.',
      heldBy: `${pg} > keeps no failure of the code: its effects are rolled back, and a repetition runs it again`,
    },
    {
      text: 'A definite failure is.',
      heldBy: `${pg} > keeps a definite failure: with its effects when returned, without them when thrown`,
    },
    {
      text: 'A commit whose answer was lost gives the answer that was committed.',
      heldBy: `${pg} > settles a commit whose answer was lost: it gives the answer that was committed`,
    },
    {
      text: 'A commit that was never sent did nothing, and a repetition does it.',
      heldBy: `${pg} > settles a commit whose connection was cut before it was sent: nothing was done, a repetition does it`,
    },
    {
      text: 'A late holder cannot commit.',
      heldBy: `${pg} > lets no late holder commit: its lease ended, another one has taken over`,
    },
    {
      text: 'A holder that stands still in front of its commit locks nobody out for longer than its lease.',
      heldBy: `${pg} > frees a key whose holder stands still between its last statement and its commit`,
    },
    {
      text: 'A call is repeated under its own key.',
      heldBy: `${phases} > repeats a call whose result was not stored under the same key, which is not the client's`,
    },
    {
      text: 'A crash of the database forgets no key that a provider knows.',
      heldBy:
        'has the key of a call on disk before the provider knows it: it gets the same one after a crash of the server',
    },
    {
      text: 'A provider without keys is called at most once.',
      heldBy: `${effects} > calls a provider without keys at most once: what came of a call that was cut stays unknown`,
    },
    {
      text: 'A provider that can be asked is asked before it is called again.',
      heldBy: `${effects} > asks a provider that can be asked, and calls it again only when it knows nothing`,
    },
    {
      text: 'Nothing of an effect of a late holder is kept, and it is not made again.',
      heldBy: `${effects} > gives who takes over the result "unknown" while the late holder is still in its call, and keeps nothing of the late one`,
    },
    {
      text: 'A late holder goes on with no step.',
      heldBy: `${phases} > lets no late holder go on: neither its call is kept nor its next step done`,
    },
    {
      text: 'A step of a late holder is rolled back.',
      heldBy: `${phases} > lets no late holder commit a step that the one who took over does, too`,
    },
    {
      text: 'A step and its recovery point are one commit.',
      heldBy: `${phases} > does a step again whose commit was cut, and none whose commit was not`,
    },
    {
      text: 'Events carry the trace and correlation of their request, and its run as their cause.',
      heldBy: `${phases} > gives its events the trace and the correlation of the request, and the run of its key as their cause, at each attempt`,
    },
    {
      text: 'Changed steps stop, and are listed.',
      heldBy: `${phases} > stops when the steps are not those that are done, and lists the key for people`,
    },
    {
      text: 'Abandoned operations are finished without their clients.',
      heldBy: `${phases} > finishes abandoned operations without their clients, with what those had sent`,
    },
    {
      text: 'Only finished keys are removed.',
      heldBy: `${phases} > removes expired keys in batches, and never one that has not finished`,
    },
    {
      text: 'A kill at any statement of a transaction leaves effect, event and answer consistent.',
      heldBy: `${example} > killed at each statement of "place" (before), order, stock, event, charge and reply are consistent`,
    },
    {
      text: 'A kill at any statement of an operation in steps does, too, and the provider charges once.',
      heldBy: `${example} > killed at each statement of "buy" (sent), order, stock, event, charge and reply are consistent`,
    },
  ],
};
