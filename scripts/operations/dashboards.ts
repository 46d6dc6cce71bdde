import { metrics } from '../../src/service/metric-names.ts';

/** One panel: what it shows, in which unit of Grafana, one line for each legend. */
export type Panel = {
  readonly title: string;
  readonly kind: 'stat' | 'timeseries';
  readonly unit: 's' | 'bytes' | 'short' | 'ops' | 'percentunit' | 'bool_yes_no';
  readonly description: string;
  readonly lines: readonly { readonly expression: string; readonly legend: string }[];
};

/** One dashboard for Grafana. */
export type Dashboard = { readonly name: string; readonly title: string; readonly panels: readonly Panel[] };

const bySource = '{source=~"$installation"}';
const byPipeline = '{pipeline=~"$installation"}';
const m = metrics;

/** The dashboards that are shipped. */
export const dashboards: readonly Dashboard[] = [
  {
    name: 'overview',
    title: 'Headwater: overview',
    panels: [
      {
        title: 'Streaming',
        kind: 'stat',
        unit: 'bool_yes_no',
        description: m.sourceConnected.description,
        lines: [{ expression: `${m.sourceConnected.name}${bySource}`, legend: '{{source}}' }],
      },
      {
        title: 'Standing by',
        kind: 'stat',
        unit: 'bool_yes_no',
        description: m.standby.description,
        lines: [{ expression: `max by (instance) (${m.standby.name})`, legend: '{{instance}}' }],
      },
      {
        title: 'Pause of the last takeover',
        kind: 'stat',
        unit: 's',
        description: m.takeoverPauseSeconds.description,
        lines: [{ expression: `max by (instance) (${m.takeoverPauseSeconds.name})`, legend: '{{instance}}' }],
      },
      {
        title: 'Stopped lanes',
        kind: 'stat',
        unit: 'short',
        description: 'Lanes that wait for a decision. headwater status says which, and the fix.',
        lines: [{ expression: `sum(${m.sinkState.name}{state="failed"}) or vector(0)`, legend: 'failed' }],
      },
      {
        title: 'Worst freshness',
        kind: 'stat',
        unit: 's',
        description: m.freshnessSeconds.description,
        lines: [{ expression: `max(${m.freshnessSeconds.name}${byPipeline})`, legend: 'behind' }],
      },
      {
        title: 'Journal filled',
        kind: 'stat',
        unit: 'percentunit',
        description: 'Size of the journal against journal.maxBytes.',
        lines: [
          {
            expression: `${m.journalBytes.name}${byPipeline} / ${m.journalCapacityBytes.name}${byPipeline}`,
            legend: '{{pipeline}}',
          },
        ],
      },
      {
        title: 'Freshness by lane',
        kind: 'timeseries',
        unit: 's',
        description: m.freshnessSeconds.description,
        lines: [{ expression: `${m.freshnessSeconds.name}${byPipeline}`, legend: '{{sink}}' }],
      },
      {
        title: 'Transactions captured',
        kind: 'timeseries',
        unit: 'ops',
        description: m.sourceTransactions.description,
        lines: [{ expression: `rate(${m.sourceTransactions.name}${bySource}[5m])`, legend: '{{source}}' }],
      },
    ],
  },
  {
    name: 'source',
    title: 'Headwater: source and slot',
    panels: [
      {
        title: 'WAL kept for the slot',
        kind: 'timeseries',
        unit: 'bytes',
        description: m.slotRetainedBytes.description,
        lines: [
          { expression: `${m.slotRetainedBytes.name}${bySource}`, legend: 'kept for {{slot}}' },
          { expression: `${m.slotUnconfirmedBytes.name}${bySource}`, legend: 'not confirmed by {{slot}}' },
        ],
      },
      {
        title: 'Bytes until the slot is lost',
        kind: 'timeseries',
        unit: 'bytes',
        description: m.slotSafeBytes.description,
        lines: [{ expression: `${m.slotSafeBytes.name}${bySource}`, legend: '{{slot}}' }],
      },
      {
        title: 'State of the slot',
        kind: 'stat',
        unit: 'short',
        description: m.slotState.description,
        lines: [{ expression: `${m.slotState.name}${bySource} == 1`, legend: '{{state}}' }],
      },
      {
        title: 'Age of the last canary',
        kind: 'timeseries',
        unit: 's',
        description: m.canaryAgeSeconds.description,
        lines: [{ expression: `${m.canaryAgeSeconds.name}${bySource}`, legend: '{{source}}' }],
      },
      {
        title: 'Reconnects and duplicates',
        kind: 'timeseries',
        unit: 'short',
        description: 'Reconnects, and transactions that the server sent again; the journal takes each once.',
        lines: [
          { expression: `increase(${m.sourceReconnects.name}${bySource}[5m])`, legend: 'reconnects' },
          { expression: `increase(${m.sourceDuplicates.name}${bySource}[5m])`, legend: 'duplicates' },
        ],
      },
      {
        title: 'Older rows copied',
        kind: 'timeseries',
        unit: 'short',
        description: m.snapshotRows.description,
        lines: [{ expression: `${m.snapshotRows.name}${bySource}`, legend: '{{table}} {{state}}' }],
      },
      {
        title: 'Rate of the copy',
        kind: 'timeseries',
        unit: 'ops',
        description: m.snapshotRowsPerSecond.description,
        lines: [{ expression: `${m.snapshotRowsPerSecond.name}${bySource}`, legend: '{{table}}' }],
      },
      {
        title: 'Time to the end of the copy',
        kind: 'stat',
        unit: 's',
        description: m.snapshotRemainingSeconds.description,
        lines: [{ expression: `${m.snapshotRemainingSeconds.name}${bySource}`, legend: '{{table}}' }],
      },
      {
        title: 'Journal',
        kind: 'timeseries',
        unit: 'bytes',
        description: m.journalBytes.description,
        lines: [
          { expression: `${m.journalBytes.name}${byPipeline}`, legend: 'size' },
          { expression: `${m.journalCapacityBytes.name}${byPipeline}`, legend: 'limit' },
        ],
      },
      {
        title: 'Oldest kept commit',
        kind: 'timeseries',
        unit: 's',
        description: m.journalOldestSeconds.description,
        lines: [{ expression: `${m.journalOldestSeconds.name}${byPipeline}`, legend: '{{pipeline}}' }],
      },
    ],
  },
  {
    name: 'sinks',
    title: 'Headwater: sinks',
    panels: [
      {
        title: 'State of the lanes',
        kind: 'stat',
        unit: 'short',
        description: m.sinkState.description,
        lines: [{ expression: `${m.sinkState.name} == 1`, legend: '{{sink}} {{state}}' }],
      },
      {
        title: 'Complete',
        kind: 'stat',
        unit: 'bool_yes_no',
        description: m.sinkComplete.description,
        lines: [{ expression: m.sinkComplete.name, legend: '{{sink}}' }],
      },
      {
        title: 'Backlog',
        kind: 'timeseries',
        unit: 'short',
        description: m.backlogTransactions.description,
        lines: [{ expression: `${m.backlogTransactions.name}${byPipeline}`, legend: '{{sink}}' }],
      },
      {
        title: 'Records',
        kind: 'timeseries',
        unit: 'ops',
        description: m.sinkRecords.description,
        lines: [{ expression: `rate(${m.sinkRecords.name}[5m])`, legend: '{{sink}} {{outcome}}' }],
      },
      {
        title: 'Retries',
        kind: 'timeseries',
        unit: 'ops',
        description: m.sinkRetries.description,
        lines: [{ expression: `rate(${m.sinkRetries.name}[5m])`, legend: '{{sink}}' }],
      },
      {
        title: 'Parked',
        kind: 'timeseries',
        unit: 'short',
        description: `${m.sinkParkedKeys.description} ${m.sinkParkedRecords.description}`,
        lines: [
          { expression: m.sinkParkedKeys.name, legend: '{{sink}} keys' },
          { expression: m.sinkParkedRecords.name, legend: '{{sink}} records' },
        ],
      },
    ],
  },
];

const source = { type: 'prometheus', uid: '${datasource}' };

/** A dashboard as Grafana imports it. https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export function formatDashboard({ name, title, panels }: Dashboard): string {
  const variable = `label_values(${metrics.sourceConnected.name}, source)`;
  const model = {
    uid: `headwater-${name}`,
    title,
    tags: ['headwater'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'installation',
          type: 'query',
          label: 'Installation',
          datasource: source,
          query: { query: variable, refId: 'installation' },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placePanels(panels),
  };
  return `${JSON.stringify(model, undefined, 2)}\n`;
}

const rowWidth = 24;
const sizes = { stat: { w: 6, h: 5 }, timeseries: { w: 12, h: 8 } } as const;

/** From left to right, in rows as high as their highest panel. */
function placePanels(panels: readonly Panel[]): readonly object[] {
  let x = 0;
  let y = 0;
  let height = 0;
  return panels.map((panel, index) => {
    const { w, h } = sizes[panel.kind];
    if (x + w > rowWidth) {
      x = 0;
      y += height;
      height = 0;
    }
    const gridPos = { x, y, w, h };
    x += w;
    height = Math.max(height, h);
    return toPanelModel(panel, index + 1, gridPos);
  });
}

function toPanelModel(panel: Panel, id: number, gridPos: object): object {
  return {
    id,
    type: panel.kind,
    title: panel.title,
    description: panel.description,
    datasource: source,
    gridPos,
    fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
    options: panel.kind === 'stat' ? { textMode: 'value_and_name', colorMode: 'none' } : {},
    targets: panel.lines.map(({ expression, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: source,
      expr: expression,
      legendFormat: legend,
    })),
  };
}
