import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { metrics } from '../../src/service/metric-names.ts';
import { alertRules, formatAlertRules, formatRunbook, runbookPath } from './alert-rules.ts';
import { dashboards, formatDashboard } from './dashboards.ts';
import { findExpressionFaults } from './find-expression-faults.ts';

describe('alert rules and dashboards', () => {
  it('finds what does not parse, unknown metrics and unknown labels', () => {
    const { name } = metrics.sinkState;
    const cases: readonly (readonly [string, RegExp | undefined])[] = [
      [`${name}{state="failed"} == 1`, undefined],
      [`sum by (sink) (rate(${metrics.sinkRetries.name}[5m]))`, undefined],
      [`${metrics.freshnessSeconds.name}{pipeline=~"$installation"}`, undefined],
      [`${name}{state="failed" == 1`, /does not parse/],
      [`rate(${metrics.sinkRetries.name}[5m]`, /does not parse/],
      [`${name} >`, /does not parse/],
      ['headwater_nothing > 0', /no metric "headwater_nothing"/],
      ['up', /no metric "up"/],
      [`${name}{lane="a"}`, /no label "lane"/],
    ];
    for (const [expression, fault] of cases) {
      const faults = findExpressionFaults(expression);
      if (fault === undefined) assert.deepEqual(faults, [], expression);
      else assert.match(faults.join('\n'), fault, expression);
    }
  });

  it('every expression of a rule and of a panel parses and names metrics that are exported', () => {
    const panels = dashboards.flatMap(({ panels }) => panels);
    const expressions = [
      ...alertRules.map(({ expression }) => expression),
      ...panels.flatMap(({ lines }) => lines.map(({ expression }) => expression)),
    ];
    assert.ok(expressions.length > 40);
    for (const expression of expressions) assert.deepEqual(findExpressionFaults(expression), [], expression);
  });

  it('every metric is on a dashboard or carries the version', () => {
    const shown = JSON.stringify(dashboards);
    const missing = Object.values(metrics).filter(({ name }) => !shown.includes(name));
    assert.deepEqual(
      missing.map(({ name }) => name),
      [metrics.buildInfo.name],
    );
  });

  it('labels in summaries and legends are those of the expression', () => {
    const labels = new Set(Object.values(metrics).flatMap((metric): readonly string[] => metric.labels));
    const texts = [formatAlertRules(), ...dashboards.map(formatDashboard)].join('\n');
    for (const [, name = ''] of texts.matchAll(/\$labels\.(\w+)/g)) assert.ok(labels.has(name), name);
    for (const [, name = ''] of texts.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(labels.has(name), name);
  });

  it('every alert has a name of its own and a runbook with steps', () => {
    const paths = alertRules.map(({ name }) => runbookPath(name));
    assert.equal(new Set(paths).size, alertRules.length);
    for (const rule of alertRules) {
      assert.match(rule.name, /^Headwater[A-Z]/);
      assert.match(rule.holdsFor, /^\d+[mh]$/);
      assert.ok(rule.look.length > 0 && rule.mend.length > 0, rule.name);
      assert.match(formatRunbook(rule), /## Look\n\n1\. /);
    }
  });

  it('a dashboard is what Grafana imports, with panels that do not overlap', () => {
    for (const dashboard of dashboards) {
      const { panels } = JSON.parse(formatDashboard(dashboard)) as {
        panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
      };
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length, dashboard.name);
      assert.ok(panels.every(({ gridPos }) => gridPos.x + gridPos.w <= 24));
    }
  });
});
