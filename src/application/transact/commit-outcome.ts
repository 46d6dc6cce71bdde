import { unreachable } from '../../foundation/assert.ts';
import type { TokenEntry } from '../../model/version-token.ts';
import type { DatabaseHandle } from '../../postgres/database-handle.ts';
import { sourcePlaceStatement, transactionOutcomeStatement } from '../../postgres/source-place.sql.ts';
import { readSourceFacts, type SourceFacts, toTokenEntry } from '../../postgres/source-place.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import type { ResultRow, TransactionHandle } from '../../postgres/transaction-handle.ts';

/*
 * What became of a transaction whose COMMIT was not answered. The server that ran it is the only one that knows, and only as long as
 * it has not lost its memory:
 *
 *   another system or timeline       it may never have had the transaction, or have given its id to another one: nobody knows
 *   in progress                      the COMMIT may still be on its way: ask again
 *   aborted, or an id of the future  not applied. (An id that was given twice was in no WAL on the disk, so neither was a commit.)
 *   committed, no crash since        committed
 *   committed, and a crash since     it may be another transaction with the same id: nobody knows
 *   forgotten                        nobody knows any more
 */

/** The transaction to ask for, and the server that had it. */
export interface TransactionPlace {
  readonly systemId: string;
  readonly timeline: number;
  readonly crashMark: string;
  readonly xid: bigint;
}

/** Why an outcome is not known. */
export type DoubtReason =
  | 'unreachable'
  | 'still-in-progress'
  | 'on-a-standby'
  | 'another-system'
  | 'timeline-changed'
  | 'server-crashed'
  | 'forgotten';

/** What is known of a transaction. `again`: asking once more may tell. */
export type Verdict =
  | { readonly kind: 'committed'; readonly entry: TokenEntry }
  | { readonly kind: 'not-applied' }
  | { readonly kind: 'indeterminate'; readonly reason: DoubtReason; readonly cause?: unknown }
  | { readonly kind: 'again'; readonly reason: DoubtReason; readonly cause?: unknown };

/** Reads the answer of `transactionOutcomeStatement`. */
export function judgeOutcome(row: ResultRow | undefined, place: TransactionPlace): Verdict {
  const facts = readSourceFacts(row);
  if (facts === undefined) return { kind: 'again', reason: 'on-a-standby' };
  const reason = compareServers(facts, place);
  if (reason !== undefined) return { kind: 'indeterminate', reason };
  switch (row?.['status']) {
    case 'committed':
      if (facts.crashMark !== place.crashMark) return { kind: 'indeterminate', reason: 'server-crashed' };
      return { kind: 'committed', entry: toTokenEntry(row, facts, place.xid) };
    case 'aborted':
      return { kind: 'not-applied' };
    case 'in progress':
      return { kind: 'again', reason: 'still-in-progress' };
    default:
      return { kind: 'indeterminate', reason: 'forgotten' };
  }
}

function compareServers(facts: SourceFacts, place: TransactionPlace): DoubtReason | undefined {
  if (facts.systemId !== place.systemId) return 'another-system';
  return facts.timeline === place.timeline ? undefined : 'timeline-changed';
}

/** What is asked. */
export type Outcomes = Pick<DatabaseHandle, 'query' | 'transaction'>;

/** Asks once, on any connection of the database. Never rejects. */
export async function askOutcome(handle: Outcomes, place: TransactionPlace): Promise<Verdict> {
  try {
    const [row] = await handle.query(transactionOutcomeStatement, [String(place.xid)]);
    return judgeOutcome(row, place);
  } catch (thrown) {
    return sqlStateOf(thrown) === '22023'
      ? await askForeign(handle, place)
      : { kind: 'again', reason: 'unreachable', cause: thrown };
  }
}

/**
 * PostgreSQL refuses ids that it has not given yet: on the same server, whatever had this one is lost. Which server that is must be told by
 * the same connection, so within one transaction: behind one address there may be several, and a standby that lags refuses what its
 * primary has committed.
 */
async function askForeign(handle: Outcomes, place: TransactionPlace): Promise<Verdict> {
  const asked: { verdict?: Verdict } = {};
  try {
    await handle.transaction({}, async (own) => {
      const transaction = recognizeTransactionHandle(own);
      const [row] = (await transaction?.query(sourcePlaceStatement, [])) ?? [];
      const facts = readSourceFacts(row);
      const reason = facts === undefined ? undefined : compareServers(facts, place);
      if (facts === undefined) asked.verdict = { kind: 'again', reason: 'on-a-standby' };
      else if (reason !== undefined) asked.verdict = { kind: 'indeterminate', reason };
      else asked.verdict = await askAgain(transaction, place);
    });
  } catch (thrown) {
    // One that was refused a statement cannot be committed, and need not be.
    return asked.verdict ?? { kind: 'again', reason: 'unreachable', cause: thrown };
  }
  return asked.verdict ?? { kind: 'again', reason: 'unreachable' };
}

/** On the server that the id belongs to. */
async function askAgain(transaction: TransactionHandle | undefined, place: TransactionPlace): Promise<Verdict> {
  try {
    const [row] = (await transaction?.query(transactionOutcomeStatement, [String(place.xid)])) ?? [];
    return judgeOutcome(row, place);
  } catch (thrown) {
    return sqlStateOf(thrown) === '22023'
      ? { kind: 'not-applied' }
      : { kind: 'again', reason: 'unreachable', cause: thrown };
  }
}

/** For people. */
export function describeDoubt(reason: DoubtReason): string {
  switch (reason) {
    case 'unreachable':
      return 'PostgreSQL did not answer in time';
    case 'still-in-progress':
      return 'PostgreSQL says that it is still in progress';
    case 'on-a-standby':
      return 'only a standby answered';
    case 'another-system':
      return 'another database system answered';
    case 'timeline-changed':
      return 'the primary is another one by now';
    case 'server-crashed':
      return 'PostgreSQL has recovered from a crash since, and may have given its id to another transaction';
    case 'forgotten':
      return 'PostgreSQL does not remember it any more';
    default:
      return unreachable(reason);
  }
}
