import type { UncopiedReason } from '../model/source-identity.ts';
import { describeOwner, type OwnerReport, type StandbyReport, type TakeoverReport } from './standby-report.ts';

/** Why something does not work, in the words of the error's page. */
export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A table whose rows from before the slot are not in the journal. */
export interface IncompleteTable {
  readonly table: string;
  /** PostgreSQL's own estimate; -1 when it has none. */
  readonly rowEstimate: number;
  readonly reason: UncopiedReason;
  /** The lanes that lack them; null: all. */
  readonly lanes: readonly string[] | null;
}

/** How far the copy of a table's older rows is. */
export interface CopyReport {
  readonly table: string;
  /** The lanes that it is for; null: all. */
  readonly lanes: readonly string[] | null;
  readonly state: 'copying' | 'done' | 'refused';
  /** Why it is refused; null otherwise. */
  readonly reason: string | null;
  readonly rowCount: number;
  /** PostgreSQL's own estimate of all rows; -1 when it has none. */
  readonly rowEstimate: number;
  readonly rowsPerSecond: number;
  /** Seconds to its end at this rate; null when nobody can tell. */
  readonly remainingSeconds: number | null;
}

/** What capture does. */
export interface SourceReport {
  readonly state: 'starting' | 'streaming' | 'reconnecting' | 'stopped' | 'failed';
  readonly slot: string;
  readonly publication: string;
  readonly systemId: string | null;
  readonly timeline: number | null;
  readonly serverVersion: string | null;
  /** WAL locations as PostgreSQL writes them. */
  readonly receivedLsn: string | null;
  readonly durableLsn: string | null;
  readonly confirmedLsn: string | null;
  readonly retainedBytes: number | null;
  readonly unconfirmedBytes: number | null;
  readonly safeBytes: number | null;
  readonly slotState: 'reserved' | 'extended' | 'unreserved' | 'lost' | null;
  /** `without-right`: progress of an idle database comes from keepalives alone. */
  readonly canary: 'on' | 'off' | 'without-right';
  /** Milliseconds since our own last canary came back; null when there are none. */
  readonly canaryAgeMs: number | null;
  readonly transactionCount: number;
  readonly duplicateCount: number;
  readonly reconnectCount: number;
  readonly incompleteTables: readonly IncompleteTable[];
  /** Copies of older rows under way, and those finished since the start. */
  readonly copies: readonly CopyReport[];
  /** Non-transactional messages under our own prefix: never events, counted. */
  readonly forgedMessageCount: number;
  readonly error: ReportedError | null;
}

/** What the journal holds. */
export interface JournalReport {
  readonly id: string;
  readonly directory: string;
  /** Sequences and other 64-bit numbers are texts in JSON. */
  readonly firstSequence: string;
  readonly lastSequence: string;
  readonly byteCount: number;
  readonly capacityBytes: number;
  readonly oldestCommitAt: string | null;
}

/** What one lane does. */
export interface LaneReport {
  readonly name: string;
  readonly sink: string;
  readonly target: string;
  readonly state: 'starting' | 'running' | 'retrying' | 'paused' | 'draining' | 'stopped' | 'failed';
  /** Since when the state holds. */
  readonly since: string;
  readonly sequence: string;
  /** How many records of the transaction behind it are acknowledged too. */
  readonly recordCount: number;
  /** The name that its sink knows it by: its own, unless it was renamed. */
  readonly originalName: string;
  /** The sequence that the lane began behind; null before it was first started. */
  readonly origin: string | null;
  readonly backlogTransactions: string;
  /** Age of the oldest commit that is not acknowledged; 0 when caught up. */
  readonly freshnessMs: number;
  readonly deliveredCount: number;
  readonly filteredCount: number;
  readonly retryCount: number;
  /** Records that failed and are parked, and these together with those that wait behind them. */
  readonly parkedKeyCount: number;
  readonly parkedRecordCount: number;
  /** False while rows from before the slot are missing: the copy is then not called complete. */
  readonly complete: boolean;
  /** The lane began behind the beginning of the journal: at now, at a time, or after retention. */
  readonly beganLater: boolean;
  readonly incompleteTables: readonly IncompleteTable[];
  readonly error: ReportedError | null;
}

/** CLI JSON version 1: what `/status` and `headwater status --json` give. `docs/reference/cli-json.md`. */
export interface StatusReport {
  readonly version: 1;
  readonly product: string;
  readonly installation: string;
  readonly state: 'starting' | 'running' | 'stopping' | 'failed';
  readonly startedAt: string;
  readonly now: string;
  /** This process: the holder of the journal. */
  readonly owner: OwnerReport;
  /** How it took over from another one; null when it did not stand by. */
  readonly takeover: TakeoverReport | null;
  readonly source: SourceReport;
  readonly journal: JournalReport;
  readonly lanes: readonly LaneReport[];
}

/** Reasons why the service is not ready; empty when it is. */
export function notReadyReasons(report: StatusReport | StandbyReport): readonly string[] {
  if (report.state === 'standby') return [`standby: ${describeOwner(report.owner)} holds the journal`];
  const reasons: string[] = [];
  if (report.state !== 'running') reasons.push(`the service is ${report.state}`);
  if (report.source.state === 'failed') reasons.push(`capture failed: ${report.source.error?.code ?? 'unknown'}`);
  if (report.source.state === 'starting') reasons.push('capture has not begun to stream');
  return reasons;
}

/**
 * Whether the source or a lane has failed, or tries again what failed, the start included, or has parked a key: `status` ends
 * with 3 then.
 */
export function hasProblem({ source, lanes }: Pick<StatusReport, 'source' | 'lanes'>): boolean {
  const isSourceWell = source.state !== 'failed' && (source.error === null || source.state === 'streaming');
  return !isSourceWell || lanes.some(isInTrouble);
}

function isInTrouble({ state, parkedKeyCount }: LaneReport): boolean {
  return state === 'failed' || state === 'retrying' || parkedKeyCount > 0;
}
