import type { CopyReport as CaptureCopy, SourceReport as CaptureReport } from '../capture/source-report.ts';
import type { LaneStatus } from '../delivery/lane-status.ts';
import type { JournalExtent } from '../journal/journal-reader.ts';
import { productVersion } from '../foundation/product-version.ts';
import { formatLsn, type Lsn } from '../model/lsn.ts';
import type { UncopiedTable } from '../model/source-identity.ts';
import type { ResolvedConfig } from './config-types.ts';
import { slotNameOf } from './config.ts';
import { toReportedError } from './plain-error.ts';
import type { OwnerReport, TakeoverReport } from './standby-report.ts';
import type { CopyReport, IncompleteTable, LaneReport, SourceReport, StatusReport } from './status-report.ts';

/** Everything that a status report is made of. */
export interface StatusParts {
  readonly config: ResolvedConfig;
  readonly state: StatusReport['state'];
  readonly startedAt: Date;
  readonly now: Date;
  readonly journalId: string;
  readonly owner: OwnerReport;
  readonly takeover: TakeoverReport | undefined;
  readonly capture: CaptureReport | undefined;
  readonly extent: JournalExtent;
  readonly lanes: readonly LaneStatus[];
}

/** Puts the parts into the form that `/status` and `headwater status --json` give. Pure. */
export function buildStatus(parts: StatusParts): StatusReport {
  const { config, extent } = parts;
  return {
    version: 1,
    product: productVersion,
    installation: config.installation,
    state: parts.state,
    startedAt: parts.startedAt.toISOString(),
    now: parts.now.toISOString(),
    owner: parts.owner,
    takeover: parts.takeover ?? null,
    source: buildSource(config, parts.capture),
    journal: {
      id: parts.journalId,
      directory: config.journal.directory,
      firstSequence: String(extent.first),
      lastSequence: String(extent.last),
      byteCount: extent.byteCount,
      capacityBytes: config.journal.maxBytes,
      oldestCommitAt: extent.oldestCommitMicros === undefined ? null : microsToIso(extent.oldestCommitMicros),
    },
    lanes: parts.lanes.map((lane) => buildLane(lane, parts)),
  };
}

function buildSource(config: ResolvedConfig, report: CaptureReport | undefined): SourceReport {
  const slot = report?.slot;
  return {
    state: report?.state ?? 'starting',
    slot: slotNameOf(config),
    publication: config.source.publication,
    systemId: report?.systemId ?? null,
    timeline: report?.timeline ?? null,
    serverVersion: report?.serverVersion ?? null,
    receivedLsn: lsnText(report?.receivedLsn),
    durableLsn: lsnText(report?.durableLsn),
    confirmedLsn: lsnText(report?.confirmedLsn),
    retainedBytes: byteNumber(slot?.retainedBytes),
    unconfirmedBytes: byteNumber(slot?.unconfirmedBytes),
    safeBytes: byteNumber(slot?.safeBytes),
    slotState: slot?.walStatus ?? null,
    canary: report?.canary ?? 'off',
    canaryAgeMs: report?.canaryAgeMs ?? null,
    transactionCount: report?.transactionCount ?? 0,
    duplicateCount: report?.duplicateCount ?? 0,
    reconnectCount: report?.reconnectCount ?? 0,
    incompleteTables: (report?.uncopiedTables ?? []).map(incompleteTable),
    copies: (report?.copies ?? []).map(buildCopy),
    forgedMessageCount: report?.forgedMessageCount ?? 0,
    error: report?.error === undefined ? null : toReportedError(report.error),
  };
}

function buildLane(lane: LaneStatus, parts: Pick<StatusParts, 'extent' | 'now'>): LaneReport {
  const failed = lane.condition === 'failed' || lane.condition === 'retrying';
  const error = failed ? lane.lastFailure?.error : undefined;
  return {
    name: lane.name,
    sink: lane.sinkKind,
    target: lane.target,
    state: lane.condition,
    since: new Date(lane.since).toISOString(),
    sequence: String(lane.checkpoint?.sequence ?? 0),
    recordCount: lane.checkpoint?.recordCount ?? 0,
    originalName: lane.originalName,
    origin: lane.origin === undefined ? null : String(lane.origin),
    backlogTransactions: String(lane.lag.transactionCount),
    freshnessMs: freshnessOf(lane, parts),
    deliveredCount: lane.deliveredCount,
    filteredCount: lane.filteredCount,
    retryCount: lane.retryCount,
    parkedKeyCount: lane.parkedKeyCount,
    parkedRecordCount: lane.parkedRecordCount,
    complete: lane.isComplete,
    beganLater: lane.beganLater,
    incompleteTables: lane.uncopiedTables.map(incompleteTable),
    error: error === undefined ? null : toReportedError(error),
  };
}

/** A lane that never delivered knows no commit of its own: the oldest in the journal is what it waits with, or older. */
function freshnessOf({ lag }: LaneStatus, { extent, now }: Pick<StatusParts, 'extent' | 'now'>): number {
  if (lag.transactionCount === 0n || lag.ageMs > 0 || extent.oldestCommitMicros === undefined) return lag.ageMs;
  return Math.max(0, now.getTime() - Number(extent.oldestCommitMicros / 1000n));
}

function incompleteTable(table: UncopiedTable): IncompleteTable {
  return {
    table: `${table.schemaName}.${table.tableName}`,
    rowEstimate: table.rowEstimate,
    reason: table.reason,
    lanes: table.lanes ?? null,
  };
}

function buildCopy(copy: CaptureCopy): CopyReport {
  const { lanes, rowCount, rowEstimate, rowsPerSecond, state } = copy;
  const remaining = rowEstimate - rowCount;
  const isForeseeable = state === 'copying' && remaining > 0 && rowsPerSecond > 0;
  return {
    table: `${copy.schemaName}.${copy.tableName}`,
    lanes: lanes ?? null,
    state,
    reason: copy.reason ?? null,
    rowCount,
    rowEstimate,
    rowsPerSecond,
    remainingSeconds: isForeseeable ? Math.ceil(remaining / rowsPerSecond) : null,
  };
}

function lsnText(lsn: Lsn | undefined): string | null {
  return lsn === undefined ? null : formatLsn(lsn);
}

function byteNumber(count: bigint | undefined): number | null {
  return count === undefined ? null : Number(count);
}

function microsToIso(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString();
}
