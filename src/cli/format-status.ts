import type { CopyReport, IncompleteTable, LaneReport, SourceReport, StatusReport } from '../service/status-report.ts';
import type { TextStyle } from './terminal.ts';

/** A status report for people: first whether all is well, then the numbers. Pure. */
export function formatStatus(report: StatusReport, style: TextStyle): string {
  const problems = findProblems(report);
  const lines = [
    problems.length === 0
      ? style.green(`all is well: ${report.lanes.length} lane(s), source ${report.source.state}`)
      : style.red(`${problems.length} problem(s)`),
    ...problems.map((problem) => `  ${style.red('!')} ${problem}`),
    '',
    `${style.bold('source')}   ${formatSource(report.source)}`,
    ...report.source.copies.map((copy) => `${style.bold('copy')}     ${formatCopy(copy)}`),
    `${style.bold('owner')}    ${formatOwner(report)}`,
    `${style.bold('journal')}  ${report.journal.firstSequence}–${report.journal.lastSequence}, ${formatBytes(report.journal.byteCount)} of ${formatBytes(report.journal.capacityBytes)}, ${report.journal.directory}`,
    '',
    ...formatTable(
      ['lane', 'state', 'behind', 'backlog', 'delivered', 'filtered', 'retries', 'parked', 'to'],
      report.lanes.map(laneRow),
    ),
  ];
  return lines.join('\n');
}

function formatOwner({ owner, takeover }: StatusReport): string {
  const text = `process ${owner.pid} on ${owner.host} since ${owner.since}`;
  if (takeover === null) return text;
  const from = takeover.from === null ? 'another process' : `process ${takeover.from.pid}`;
  const way = takeover.orderly ? 'stopped in order' : 'ended without a word';
  return `${text}, took over from ${from}, which ${way}, after a pause of ${formatDuration(takeover.pauseMs)}`;
}

function findProblems(report: StatusReport): string[] {
  const problems: string[] = [];
  const { source } = report;
  if (source.error !== null)
    problems.push(`source: ${source.error.code} ${source.error.message}\n    fix: ${source.error.hint}`);
  for (const table of source.incompleteTables) {
    if (isBeingCopied(table, source)) continue;
    problems.push(`table ${table.table} ${explainIncomplete(table)}: no copy of it is complete`);
  }
  for (const lane of report.lanes) {
    if (lane.parkedKeyCount > 0) {
      const waiting = lane.parkedRecordCount - lane.parkedKeyCount;
      problems.push(
        `lane ${lane.name}: ${lane.parkedKeyCount} parked key(s), ${waiting} record(s) behind them\n    fix: headwater parked list, mend the cause, then headwater parked retry`,
      );
    }
    if (lane.error === null) continue;
    problems.push(`lane ${lane.name}: ${lane.error.code} ${lane.error.message}\n    fix: ${lane.error.hint}`);
  }
  return problems;
}

function isBeingCopied({ lanes, table }: IncompleteTable, { copies }: SourceReport): boolean {
  const isSame = (copy: CopyReport): boolean => copy.table === table && String(copy.lanes) === String(lanes);
  return copies.some((copy) => isSame(copy) && copy.state === 'copying');
}

/** `copying public.orders: 1,200,000 of about 3,000,000 rows, 150,000 rows/s, 12.0 s left`. Pure. */
export function formatCopy(copy: CopyReport): string {
  const count = (value: number): string => value.toLocaleString('en-US');
  const whom = copy.lanes === null ? '' : ` for ${copy.lanes.join(', ')}`;
  const of = copy.state === 'copying' && copy.rowEstimate > copy.rowCount ? ` of about ${count(copy.rowEstimate)}` : '';
  const left = copy.remainingSeconds === null ? '' : `, ${formatDuration(copy.remainingSeconds * 1000)} left`;
  const rate = copy.state === 'copying' ? `, ${count(copy.rowsPerSecond)} rows/s${left}` : '';
  const verb = { copying: 'copying', done: 'copied', refused: 'cannot copy' }[copy.state];
  const reason = copy.reason === null ? '' : `: ${copy.reason}`;
  return copy.state === 'refused'
    ? `${verb} ${copy.table}${whom}${reason}`
    : `${verb} ${copy.table}${whom}: ${count(copy.rowCount)}${of} rows${rate}`;
}

function explainIncomplete({ reason, rowEstimate }: IncompleteTable): string {
  if (reason === 'lane-added') return 'is not copied yet for a lane that was added';
  if (reason === 'publication-altered') {
    return 'was not published as before, or not at all, for a while, and changes may be missing in the journal';
  }
  const rows = rowEstimate < 0 ? 'row(s) that nobody has counted and' : `about ${rowEstimate} row(s) that`;
  return reason === 'journal-begins-later'
    ? `may have held ${rows} are not in the journal`
    : `held ${rows} are not in the journal`;
}

function formatSource(source: SourceReport): string {
  const parts = [`${source.state}, slot ${source.slot}`];
  if (source.confirmedLsn !== null) parts.push(`confirmed ${source.confirmedLsn}`);
  if (source.retainedBytes !== null) parts.push(`server keeps ${formatBytes(source.retainedBytes)}`);
  if (source.safeBytes !== null) parts.push(`${formatBytes(source.safeBytes)} until the slot is lost`);
  if (source.canaryAgeMs !== null) parts.push(`canary ${formatDuration(source.canaryAgeMs)} ago`);
  return parts.join(', ');
}

function laneRow(lane: LaneReport): readonly string[] {
  return [
    lane.name,
    lane.complete ? lane.state : `${lane.state}, incomplete`,
    formatDuration(lane.freshnessMs),
    lane.backlogTransactions,
    String(lane.deliveredCount),
    String(lane.filteredCount),
    String(lane.retryCount),
    String(lane.parkedRecordCount),
    lane.target,
  ];
}

/** Rows under a head, columns padded with two blanks between. Pure. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Bytes in binary units with three significant digits. Pure. */
export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** A duration as a person says it. Pure. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
