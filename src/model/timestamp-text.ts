import { type Instant, toInstant } from '../foundation/clock.ts';

/*
 * date:   year 4–6 digits '-' month '-' day
 * time:   hour ':' minute ':' second [ '.' 1–6 digits ]
 * offset: ( '+' | '-' ) hour [ ':' minute [ ':' second ] ]
 * https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-OUTPUT
 */
const timestampPattern =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/;

/**
 * Reads a `timestamp` or `timestamptz` as PostgreSQL writes it with DateStyle ISO, cut to milliseconds. Without an offset it
 * is taken as UTC. Undefined for any other text: infinity, years before Christ, other styles.
 */
export function parseTimestampText(text: string): Instant | undefined {
  const match = timestampPattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0, Number((match[7] ?? '').padEnd(3, '0').slice(0, 3)));
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offsetSeconds = Number(match[9] ?? 0) * 3600 + Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0);
  return toInstant(date.getTime() - (match[8] === '-' ? -offsetSeconds : offsetSeconds) * 1000);
}
