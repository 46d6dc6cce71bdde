import { join } from 'node:path';

/** Where the parts of a journal lie in its directory (`docs/reference/journal-format-1.md`). */
export interface JournalPaths {
  readonly directory: string;
  readonly state: string;
  readonly holder: string;
  readonly socket: string;
  readonly segments: string;
  readonly spool: string;
}

/** What a name in the segments or spool directory stands for. */
export type SegmentName =
  | { readonly kind: 'segment'; readonly number: number }
  | { readonly kind: 'index'; readonly number: number }
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'foreign' };

/** The paths of a journal in this directory. */
export function journalPaths(directory: string): JournalPaths {
  return {
    directory,
    state: join(directory, 'state.sqlite'),
    holder: join(directory, 'holder.json'),
    socket: join(directory, 'journal.sock'),
    segments: join(directory, 'segments'),
    spool: join(directory, 'spool'),
  };
}

/** Path of a segment. */
export function segmentPath(paths: JournalPaths, number: number): string {
  return join(paths.segments, `${formatNumber(number)}.segment`);
}

/** Path of a sealed segment's index. */
export function indexPath(paths: JournalPaths, number: number): string {
  return join(paths.segments, `${formatNumber(number)}.index`);
}

/** The name that a file has until it is whole. */
export function unfinishedPath(path: string): string {
  return `${path}.new`;
}

/** Name of a spool whose commit goes into `segment`. `number` is unique within the epoch. */
export function spoolName(segment: number, epoch: number, number: number): string {
  return `${formatNumber(segment)}-${epoch}-${number}.spool`;
}

/** Name of a spool while its transaction is open. */
export function openSpoolName(epoch: number, number: number): string {
  return `${epoch}-${number}.open`;
}

/** The segment whose commit a spool was written for; undefined for any other name. */
export function spoolSegment(name: string): number | undefined {
  const match = /^(\d{16})-\d+-\d+\.spool$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The number of a spool within the epoch, whether open or not; undefined for one of another epoch. */
export function spoolNumber(name: string, epoch: number): number | undefined {
  const match = /^(?:\d{16}-)?(\d+)-(\d+)\.(?:spool|open)$/.exec(name);
  return match?.[2] !== undefined && Number(match[1]) === epoch ? Number(match[2]) : undefined;
}

/** What a name in the segments directory stands for. */
export function parseSegmentName(name: string): SegmentName {
  if (name.endsWith('.new')) return { kind: 'unfinished' };
  const match = /^(\d{16})\.(segment|index)$/.exec(name);
  if (match?.[1] === undefined) return { kind: 'foreign' };
  return { kind: match[2] === 'segment' ? 'segment' : 'index', number: Number(match[1]) };
}

function formatNumber(number: number): string {
  return String(number).padStart(16, '0');
}
