import { parser } from '@prometheus-io/lezer-promql';

import { metrics, type MetricDefinition } from '../../src/service/metric-names.ts';

const definitions: ReadonlyMap<string, MetricDefinition> = new Map(
  Object.values(metrics).map((metric): [string, MetricDefinition] => [metric.name, metric]),
);

/**
 * What is wrong with an expression in PromQL: places that do not parse, metrics that the code does not export, labels that a
 * metric does not have. `$name` is a variable of Grafana inside a text, and stays one. Empty when nothing is wrong. Pure.
 */
export function findExpressionFaults(expression: string): readonly string[] {
  const faults: string[] = [];
  const cursor = parser.parse(expression).cursor();
  let metric: MetricDefinition | undefined;
  do {
    const text = expression.slice(cursor.from, cursor.to);
    if (cursor.type.isError)
      faults.push(`does not parse at ${cursor.from}: ${expression.slice(cursor.from, cursor.from + 20)}`);
    if (cursor.name === 'VectorSelector') {
      const name = /^[a-zA-Z_:][\w:]*/.exec(text)?.[0] ?? '';
      metric = definitions.get(name);
      if (metric === undefined) faults.push(`there is no metric "${name}"`);
    }
    if (
      cursor.name === 'LabelName' &&
      cursor.node.parent?.name === 'UnquotedLabelMatcher' &&
      metric?.labels.includes(text) === false
    ) {
      faults.push(`${metric.name} has no label "${text}"`);
    }
  } while (cursor.next());
  return faults;
}
