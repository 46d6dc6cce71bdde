import type { Instant } from './clock.ts';

const httpDate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * How long a `Retry-After` asks to wait, in milliseconds: seconds or a date (RFC 9110, 10.2.3), never above `maxMs`, 0 for a date
 * that is over. Undefined when the header is missing or says nothing. Pure.
 */
export function parseRetryAfter(text: string | undefined, now: Instant, maxMs: number): number | undefined {
  const value = text?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(maxMs, Number(value) * 1000);
  if (!httpDate.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.min(maxMs, Math.max(0, at - now));
}
