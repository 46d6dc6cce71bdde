import type { ReplayRange } from '../../delivery/replay.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { JournalReader } from '../../journal/journal-reader.ts';
import type { JournalNarrowing } from '../../journal/journal-search.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import { toSequence } from '../../model/position.ts';
import type { ResolvedConfig } from '../../service/config-types.ts';
import { createConfiguredDecoder, readRecords } from '../../service/journal-access.ts';
import { planLeg, type TracedLane } from '../../service/trace-leg.ts';

/** What a replay would deliver. */
export interface ReplayCounts {
  readonly recordCount: number;
  /** Left out by the lane's filter, its sink, or a copy for other lanes. */
  readonly leftOutCount: number;
  /** Given up earlier; they stay so. */
  readonly droppedCount: number;
  /** By table or event type, in alphabetical order. */
  readonly subjects: readonly { readonly subject: string; readonly recordCount: number }[];
  readonly firstCommitAt: string | null;
  readonly lastCommitAt: string | null;
}

/** What is counted. */
export interface ReplayCountInput {
  readonly config: ResolvedConfig;
  readonly reader: JournalReader & JournalNarrowing;
  readonly lane: TracedLane;
  readonly range: ReplayRange;
}

/** Reads the range and asks the lane's filter about every record. Delivers nothing. @throws HW-JOURNAL codes, HW-LANE-010 */
export async function countReplay(
  { config, reader, lane, range }: ReplayCountInput,
  signal: AbortSignal,
): Promise<ReplayCounts> {
  const options = config.lanes[lane.name];
  const bySubject = new Map<string, number>();
  let leftOutCount = 0;
  let droppedCount = 0;
  let firstMicros: bigint | undefined;
  let lastMicros: bigint | undefined;
  const start = { after: toSequence(range.from - 1n) };
  for await (const outbound of readRecords(reader, createConfiguredDecoder(config), { start, follow: false, signal })) {
    if (outbound.header.sequence > range.through || options === undefined) break;
    firstMicros ??= outbound.header.commitTimeMicros;
    lastMicros = outbound.header.commitTimeMicros;
    const { outcome } = askLane(() => planLeg(outbound, lane, options), outbound.id);
    if (outcome === 'left-out') leftOutCount += 1;
    else if (outcome === 'dropped') droppedCount += 1;
    else count(bySubject, outbound.record);
  }
  const subjects = [...bySubject].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    recordCount: subjects.reduce((sum, [, recordCount]) => sum + recordCount, 0),
    leftOutCount,
    droppedCount,
    subjects: subjects.map(([subject, recordCount]) => ({ subject, recordCount })),
    firstCommitAt: toIso(firstMicros),
    lastCommitAt: toIso(lastMicros),
  };
}

function askLane<Answer>(ask: () => Answer, recordId: string): Answer {
  try {
    return ask();
  } catch (cause) {
    throw new HeadwaterError('HW-LANE-010', `the filter threw for record ${recordId}`, { cause });
  }
}

function count(bySubject: Map<string, number>, record: JournalRecord): void {
  const subject = subjectOf(record);
  bySubject.set(subject, (bySubject.get(subject) ?? 0) + 1);
}

function subjectOf(record: JournalRecord): string {
  if (record.kind === 'event') return record.event.type;
  const tables = record.kind === 'truncate' ? record.tables : [record.table];
  return tables.map(({ schemaName, tableName }) => `${schemaName}.${tableName}`).join(', ');
}

function toIso(micros: bigint | undefined): string | null {
  return micros === undefined ? null : new Date(Number(micros / 1000n)).toISOString();
}
