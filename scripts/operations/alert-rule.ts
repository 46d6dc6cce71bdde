/** One alert: the expression, and its runbook. Rules and pages are generated from it. */
export type AlertRule = {
  /** In CamelCase; the runbook is named after it. */
  readonly name: string;
  /** `page`: someone gets up. `warning`: within the day. */
  readonly severity: 'page' | 'warning';
  readonly expression: string;
  /** How long the expression must hold, as Prometheus writes durations. */
  readonly holdsFor: string;
  /** One line, with labels in Prometheus' template form. */
  readonly summary: string;
  /** What is going on and what it leads to. */
  readonly meaning: string;
  /** What to look at, in order. */
  readonly look: readonly string[];
  /** What mends it. */
  readonly mend: readonly string[];
};
