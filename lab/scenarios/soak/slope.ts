/** What was measured at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** How something grew, and whether that is called flat. */
export interface Slope {
  readonly perHour: number;
  readonly mean: number;
  /** How much the line rose over the time that was looked at. */
  readonly rise: number;
  /** More than this is not flat. */
  readonly riseMax: number;
  readonly verdict: 'flat' | 'rising' | 'too-short';
}

/** What is still called flat: a rise over the time that was looked at, as a part of the mean or absolutely, what is more. */
export interface FlatLimit {
  readonly share: number;
  readonly least: number;
}

/** A run whose samples span less says nothing about slow growth. */
const leastSpanMs = 240_000;
const hourMs = 3_600_000;

/** The line of least squares through the samples. Pure. A line that falls is flat. */
export function judgeSlope(samples: readonly Sample[], { least, share }: FlatLimit): Slope {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || samples.length < 3)
    return { perHour: 0, mean: 0, rise: 0, riseMax: least, verdict: 'too-short' };
  const meanAt = meanOf(samples.map(({ atMs }) => atMs));
  const mean = meanOf(samples.map(({ value }) => value));
  const products = samples.map(({ atMs, value }) => (atMs - meanAt) * (value - mean));
  const squares = samples.map(({ atMs }) => (atMs - meanAt) ** 2);
  const perMs = sumOf(products) / sumOf(squares);
  const rise = perMs * (last.atMs - first.atMs);
  const riseMax = Math.max(least, share * mean);
  const isShort = last.atMs - first.atMs < leastSpanMs;
  return {
    perHour: Math.round(perMs * hourMs),
    mean: Math.round(mean),
    rise: Math.round(rise),
    riseMax: Math.round(riseMax),
    verdict: isShort ? 'too-short' : rise <= riseMax ? 'flat' : 'rising',
  };
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
