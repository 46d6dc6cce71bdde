import { alertRules, formatAlertRules, formatOperationsPage, formatRunbook, runbookPath } from './alert-rules.ts';
import { dashboards, formatDashboard } from './dashboards.ts';

/** Everything below `docs/operations`, by its path from the root of the repository. */
export const operationsFiles: Readonly<Record<string, () => string>> = {
  'docs/operations/README.md': formatOperationsPage,
  'docs/operations/alerts.yml': formatAlertRules,
  ...Object.fromEntries(
    dashboards.map((dashboard) => [
      `docs/operations/dashboards/${dashboard.name}.json`,
      () => formatDashboard(dashboard),
    ]),
  ),
  ...Object.fromEntries(
    alertRules.map((rule) => [`docs/operations/${runbookPath(rule.name)}`, () => formatRunbook(rule)]),
  ),
};
