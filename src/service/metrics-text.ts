import { metrics, type MetricDefinition } from './metric-names.ts';
import type { StandbyReport } from './standby-report.ts';
import type { LaneReport, StatusReport } from './status-report.ts';

const slotStates = ['reserved', 'extended', 'unreserved', 'lost'] as const;
const laneStates = ['starting', 'running', 'retrying', 'paused', 'draining', 'stopped', 'failed'] as const;

interface Sample {
  readonly metric: MetricDefinition;
  /** In the order of the metric's labels. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** The Prometheus text form (version 0.0.4) of a status report. Pure. */
export function formatMetrics(report: StatusReport | StandbyReport): string {
  const samples = [...processSamples(report), ...(report.state === 'standby' ? [] : ownerSamples(report))];
  const lines: string[] = [];
  const all: readonly MetricDefinition[] = Object.values(metrics);
  for (const metric of all) {
    const own = samples.filter((sample) => sample.metric === metric);
    if (own.length === 0) continue;
    lines.push(`# HELP ${metric.name} ${metric.description}`, `# TYPE ${metric.name} ${metric.type}`);
    for (const sample of own) lines.push(`${metric.name}{${formatLabels(sample)}} ${sample.value}`);
  }
  return `${lines.join('\n')}\n`;
}

function processSamples({ product, installation, state }: StatusReport | StandbyReport): Sample[] {
  return [
    { metric: metrics.buildInfo, labels: [product, installation], value: 1 },
    { metric: metrics.standby, labels: [installation], value: state === 'standby' ? 1 : 0 },
  ];
}

function ownerSamples(report: StatusReport): Sample[] {
  return [
    ...optional(
      metrics.takeoverPauseSeconds,
      [report.installation],
      report.takeover === null ? null : report.takeover.pauseMs / 1000,
    ),
    ...sourceSamples(report),
    ...copySamples(report),
    ...journalSamples(report),
    ...report.lanes.flatMap((lane) => laneSamples(report, lane)),
  ];
}

function sourceSamples(report: StatusReport): Sample[] {
  const { source, installation } = report;
  const slot = [installation, source.slot];
  return [
    { metric: metrics.sourceConnected, labels: [installation], value: source.state === 'streaming' ? 1 : 0 },
    ...optional(metrics.slotRetainedBytes, slot, source.retainedBytes),
    ...optional(metrics.slotUnconfirmedBytes, slot, source.unconfirmedBytes),
    ...optional(metrics.slotSafeBytes, slot, source.safeBytes),
    ...slotStates.map((state) => ({
      metric: metrics.slotState,
      labels: [...slot, state],
      value: source.slotState === state ? 1 : 0,
    })),
    ...optional(
      metrics.canaryAgeSeconds,
      [installation],
      source.canaryAgeMs === null ? null : source.canaryAgeMs / 1000,
    ),
    { metric: metrics.sourceTransactions, labels: [installation], value: source.transactionCount },
    { metric: metrics.sourceDuplicates, labels: [installation], value: source.duplicateCount },
    { metric: metrics.sourceReconnects, labels: [installation], value: source.reconnectCount },
  ];
}

/** A table that is copied for single lanes is counted once, by its copy for all of them or by the latest. */
function copySamples({ installation, source }: StatusReport): Sample[] {
  const byTable = new Map(source.copies.map((copy) => [copy.table, copy]));
  return [...byTable.values()].flatMap((copy) => [
    { metric: metrics.snapshotRows, labels: [installation, copy.table, copy.state], value: copy.rowCount },
    { metric: metrics.snapshotRowsPerSecond, labels: [installation, copy.table], value: copy.rowsPerSecond },
    ...optional(metrics.snapshotRemainingSeconds, [installation, copy.table], copy.remainingSeconds),
  ]);
}

function journalSamples(report: StatusReport): Sample[] {
  const { journal, installation } = report;
  const oldest =
    journal.oldestCommitAt === null ? null : (Date.parse(report.now) - Date.parse(journal.oldestCommitAt)) / 1000;
  return [
    { metric: metrics.journalBytes, labels: [installation], value: journal.byteCount },
    { metric: metrics.journalCapacityBytes, labels: [installation], value: journal.capacityBytes },
    ...optional(metrics.journalOldestSeconds, [installation], oldest),
  ];
}

function laneSamples(report: StatusReport, lane: LaneReport): Sample[] {
  const pipeline = [report.installation, lane.name];
  return [
    { metric: metrics.freshnessSeconds, labels: pipeline, value: lane.freshnessMs / 1000 },
    { metric: metrics.backlogTransactions, labels: pipeline, value: Number(lane.backlogTransactions) },
    { metric: metrics.sinkRecords, labels: [lane.name, 'delivered'], value: lane.deliveredCount },
    { metric: metrics.sinkRecords, labels: [lane.name, 'filtered'], value: lane.filteredCount },
    { metric: metrics.sinkRetries, labels: [lane.name], value: lane.retryCount },
    { metric: metrics.sinkParkedKeys, labels: [lane.name], value: lane.parkedKeyCount },
    { metric: metrics.sinkParkedRecords, labels: [lane.name], value: lane.parkedRecordCount },
    { metric: metrics.sinkComplete, labels: [lane.name], value: lane.complete ? 1 : 0 },
    ...laneStates.map((state) => ({
      metric: metrics.sinkState,
      labels: [lane.name, state],
      value: lane.state === state ? 1 : 0,
    })),
  ];
}

function optional(metric: MetricDefinition, labels: readonly string[], value: number | null): Sample[] {
  return value === null ? [] : [{ metric, labels, value }];
}

function formatLabels(sample: Sample): string {
  return sample.metric.labels.map((name, index) => `${name}="${escapeLabel(sample.labels[index] ?? '')}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
