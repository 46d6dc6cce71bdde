import { toInstant } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { JournalReader } from '../../journal/journal-reader.ts';
import { type Lsn, parseLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import { parseAge } from '../parse-age.ts';

/** Where a replay is to begin, as it was written. */
export type ReplayStart =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'sequence'; readonly sequence: bigint }
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  | { readonly kind: 'time'; readonly atMs: number };

/** Reads `beginning`, a sequence, a WAL location, a time, or an age. Pure. @throws HW-SERVICE-004 for any other text */
export function parseReplayStart(text: string | undefined, nowMs: number): ReplayStart {
  if (text === 'beginning') return { kind: 'beginning' };
  if (text !== undefined && /^\d{1,19}$/.test(text)) return { kind: 'sequence', sequence: BigInt(text) };
  if (text !== undefined && /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text)) return { kind: 'lsn', lsn: parseLsn(text) };
  const atMs = text === undefined ? undefined : parseAge(text, nowMs);
  if (atMs !== undefined) return { kind: 'time', atMs };
  const given = text === undefined ? '' : `, not "${text}"`;
  throw new HeadwaterError(
    'HW-SERVICE-004',
    `--from takes a time, an age such as 15m, a sequence, a WAL location, or "beginning"${given}`,
  );
}

/**
 * The first transaction that committed at or after the time, or whose commit ends behind the location; one more than the last
 * when there is none. A WAL location is looked for by
 * reading the journal through. @throws HW-JOURNAL codes; rejects with `signal.reason` on cancel
 */
export async function findReplayStart(
  start: ReplayStart,
  reader: JournalReader,
  signal: AbortSignal,
): Promise<bigint | 'beginning'> {
  switch (start.kind) {
    case 'beginning':
      return 'beginning';
    case 'sequence':
      return start.sequence;
    case 'time':
      return (await reader.locateTime(toInstant(start.atMs))) + 1n;
    case 'lsn':
      return await findLsn(start.lsn, reader, signal);
  }
}

async function findLsn(lsn: Lsn, reader: JournalReader, signal: AbortSignal): Promise<bigint> {
  const { first, last } = await reader.extent();
  for await (const entries of reader.read({ after: toSequence(first - 1n), follow: false, signal })) {
    for (const entry of entries) {
      if (entry.kind === 'fragment' && entry.header.commitEndLsn > lsn) return entry.header.sequence;
    }
  }
  return last + 1n;
}
