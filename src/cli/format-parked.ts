import type { ParkedKeyJson, ParkedLaneJson, WaitingRecordJson } from '../service/parked-json.ts';
import { formatTable } from './format-status.ts';
import type { TextStyle } from './terminal.ts';

/** What is parked, for people: a line for each key, and what to do. Pure. */
export function formatParked(lanes: readonly ParkedLaneJson[], style: TextStyle): string {
  const rows = lanes.flatMap(({ lane, keys }) => keys.map((key) => keyRow(lane, key)));
  const dropped = lanes.reduce((sum, lane) => sum + lane.dropped.length, 0);
  const droppedLine = dropped === 0 ? [] : [style.dim(`${dropped} record(s) were dropped; --json lists them`)];
  if (rows.length === 0) return [style.green('nothing is parked'), ...droppedLine].join('\n');
  return [
    style.red(`${rows.length} parked key(s)`),
    '',
    ...formatTable(['lane', 'record', 'key', 'of', 'error', 'attempts', 'behind it', 'since'], rows),
    '',
    ...droppedLine,
    'Mend the cause, then: headwater parked retry ID (or --all). To give one up: headwater parked drop ID --reason TEXT --yes',
  ].join('\n');
}

function keyRow(lane: string, key: ParkedKeyJson): readonly string[] {
  return [
    lane,
    key.id,
    key.key ?? '-',
    key.subject,
    key.retrying ? `${key.code}, tried again` : key.code,
    String(key.attemptCount),
    String(key.waitingCount),
    key.since,
  ];
}

/** What is known of one parked key. */
export interface ParkedKeyDetails {
  readonly lane: string;
  readonly key: ParkedKeyJson;
  readonly waiting: readonly WaitingRecordJson[];
  /** With its values, when they were asked for. */
  readonly record: object | undefined;
}

/** One parked key for people. Pure. */
export function formatParkedKey({ lane, key, waiting, record }: ParkedKeyDetails, style: TextStyle): string {
  const place = `${key.sequence}/${key.ordinal}`;
  const lines = [
    `${style.bold('record')}   ${key.id} (${key.subject}) at ${place} of the journal, lane ${lane}`,
    `${style.bold('key')}      ${key.key ?? 'none: no order was promised for it'}`,
    `${style.bold('error')}    ${style.red(key.code)} ${key.message}`,
    `${style.bold('attempts')} ${key.attemptCount} since ${key.since}${key.retrying ? ', tried again now' : ''}`,
    `${style.bold('behind')}   ${waiting.length} record(s)`,
    ...waiting.slice(0, shownMax).map(({ id, subject }) => `         ${id} (${subject})`),
  ];
  if (waiting.length > shownMax) lines.push(`         … and ${waiting.length - shownMax} more; --json lists them`);
  if (record !== undefined) lines.push(`${style.bold('values')}   ${JSON.stringify(record)}`);
  return lines.join('\n');
}

const shownMax = 20;
