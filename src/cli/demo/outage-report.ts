import type { AnsweredRequest } from './customers.ts';

/** A time span of the monotonic clock. */
export interface Span {
  readonly beginMs: number;
  readonly endMs: number;
}

/** How long requests took. Zero where there were none. */
export interface LatencyReport {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What the order service and its customers noticed of the outage, and how long the stores needed afterwards. */
export interface OutageReport {
  readonly seconds: number;
  readonly latency: { readonly before: LatencyReport; readonly during: LatencyReport };
  /** From the end of the outage until every store had everything that was committed up to that end. */
  readonly caughtUpSeconds: number;
}

/** Sums up an outage. Pure. */
export function summarizeOutage(
  outage: Span & { readonly caughtUpMs: number },
  answers: readonly AnsweredRequest[],
): OutageReport {
  const isBefore = ({ beganMs }: AnsweredRequest): boolean => beganMs < outage.beginMs;
  const isDuring = ({ beganMs }: AnsweredRequest): boolean => beganMs >= outage.beginMs && beganMs < outage.endMs;
  return {
    seconds: toSeconds(outage.endMs - outage.beginMs),
    latency: { before: measure(answers.filter(isBefore)), during: measure(answers.filter(isDuring)) },
    caughtUpSeconds: toSeconds(Math.max(0, outage.caughtUpMs - outage.endMs)),
  };
}

/** Seconds with three decimals. */
export function toSeconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}

function measure(answers: readonly AnsweredRequest[]): LatencyReport {
  const durations = answers.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const quantile = (share: number): number =>
    Math.round((durations[Math.ceil(durations.length * share) - 1] ?? 0) * 10) / 10;
  return { requests: durations.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
