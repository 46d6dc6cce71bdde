import type { AlertRule } from './alert-rule.ts';
import { deliveryAlerts } from './delivery-alerts.ts';
import { sourceAlerts } from './source-alerts.ts';

/** Every alert that is shipped. */
export const alertRules: readonly AlertRule[] = [...sourceAlerts, ...deliveryAlerts];

/** The rule file for Prometheus. JSON texts are YAML, so each value is written as one. */
export function formatAlertRules(): string {
  const lines = [
    '# Alert rules for Prometheus, written by `npm run docs`. Load them by `rule_files` as they are.',
    'groups:',
    ...formatGroup('headwater-source', sourceAlerts),
    ...formatGroup('headwater-delivery', deliveryAlerts),
  ];
  return `${lines.join('\n')}\n`;
}

function formatGroup(name: string, rules: readonly AlertRule[]): string[] {
  return [`  - name: ${name}`, '    rules:', ...rules.flatMap(formatRule)];
}

function formatRule({ name, expression, holdsFor, severity, summary, meaning }: AlertRule): string[] {
  return [
    `      - alert: ${name}`,
    `        expr: ${JSON.stringify(expression)}`,
    `        for: ${holdsFor}`,
    '        labels:',
    `          severity: ${severity}`,
    '        annotations:',
    `          summary: ${JSON.stringify(summary)}`,
    `          description: ${JSON.stringify(meaning)}`,
    `          runbook: ${JSON.stringify(`docs/operations/${runbookPath(name)}`)}`,
  ];
}

/** Where an alert's runbook lies, from `docs/operations`. */
export function runbookPath(name: string): string {
  const words = name.replace(/^Headwater/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-');
  return `runbooks/${words.toLowerCase()}.md`;
}

/** The runbook of an alert. */
export function formatRunbook(rule: AlertRule): string {
  return [
    `# ${rule.name}`,
    '',
    `${rule.severity === 'page' ? 'Someone should look now.' : 'Someone should look today.'} Fires when this holds for ${rule.holdsFor}:`,
    '',
    '```promql',
    rule.expression,
    '```',
    '',
    '## What it means',
    '',
    rule.meaning,
    '',
    '## Look',
    '',
    ...rule.look.map((step, index) => `${index + 1}. ${step}`),
    '',
    '## Mend',
    '',
    ...rule.mend.map((step, index) => `${index + 1}. ${step}`),
    '',
  ].join('\n');
}

/** The page that lists them all. */
export function formatOperationsPage(): string {
  const rows = alertRules.map(
    (rule) =>
      `| [${rule.name}](${runbookPath(rule.name)}) | ${rule.severity} | ${rule.holdsFor} | ${firstSentence(rule.meaning)} |`,
  );
  return [
    '# Operations',
    '',
    'Written by `npm run docs` from the metrics that the code exports, so no name can drift.',
    '',
    '- [alerts.yml](alerts.yml): rules for Prometheus (`rule_files`)',
    '- Dashboards for Grafana, to be imported as they are: [overview](dashboards/overview.json), [source](dashboards/source.json),',
    '  [sinks](dashboards/sinks.json)',
    '',
    '`/metrics` listens on the loopback address until `http.host` and `http.token` say otherwise; the scrape job then needs the token',
    'as its bearer token. Metrics are explained in [their reference](../reference/metrics.md).',
    '',
    '| alert | severity | for | in short |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function firstSentence(text: string): string {
  return text.replace(/(?<=\.)\s.*$/s, '').replaceAll('|', '\\|');
}
