import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { systemRandom } from '../../foundation/random.ts';
import { encodeVersionToken, type VersionToken } from '../../model/version-token.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import type { DoubtReason } from './commit-outcome.ts';
import type { EmittedEvent } from '../emit/emit.ts';
import { decodeReceipt } from './receipt-text.ts';
import { settleOutcome } from './settle-outcome.ts';

/** What is known of a transaction now. */
export interface ResumedReceipt {
  readonly outcome: 'committed' | 'not-applied' | 'indeterminate';
  /** Of a committed one. */
  readonly token: VersionToken | undefined;
  readonly xid: bigint;
  /** The events that were gathered: written if it is committed. */
  readonly events: readonly EmittedEvent[];
  /** Why the outcome is not known; undefined when it is. */
  readonly reason: DoubtReason | undefined;
}

/** How long PostgreSQL is asked. */
export interface ResumeOptions {
  /** Default 5000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Takes up a receipt that was kept as text, in whichever process, and asks PostgreSQL for the outcome of its transaction. Runs no
 * work. May be asked again; PostgreSQL remembers a transaction for as long as it keeps its commit log, which is millions of others.
 * @throws HW-TRANSACT-010 for another text, HW-TRANSACT-002; rejects with `signal.reason` on cancel
 */
export async function resumeReceipt(
  database: object,
  text: string,
  { signal, timeoutMs = 5000 }: ResumeOptions = {},
): Promise<ResumedReceipt> {
  const record = decodeReceipt(text);
  const handle = recognizeDatabaseHandle(database);
  if (handle === undefined) {
    throw new HeadwaterError('HW-TRANSACT-002', 'a receipt cannot be resumed on this object');
  }
  const asked = { handle, record, timeoutMs, clock: systemClock, random: systemRandom, signal };
  const settlement = await settleOutcome(asked);
  return {
    outcome: settlement.kind,
    token: settlement.kind === 'committed' ? encodeVersionToken([settlement.entry]) : undefined,
    xid: record.xid,
    events: record.events.map((id) => ({ id })),
    reason: settlement.kind === 'indeterminate' ? settlement.reason : undefined,
  };
}
