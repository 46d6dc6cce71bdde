import type { SourceCheck } from '../capture/source-check.ts';
import type { DirectoryFacts } from '../foundation/directory-facts.ts';
import type { HeadwaterError } from '../foundation/error.ts';

/** Who holds a journal, as far as can be told without its lock. */
export type HolderFacts =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'running' | 'stopped' | 'elsewhere'; readonly who: string };

/** What the segments hold; undefined while there are none. */
export interface ContentFacts {
  readonly first: bigint;
  readonly last: bigint;
  readonly byteCount: number;
}

/** Everything that is looked at. */
export interface JournalFacts {
  readonly directory: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly place: DirectoryFacts;
  readonly holder: HolderFacts;
  readonly content: ContentFacts | HeadwaterError | undefined;
}

/** What `headwater doctor` says of the journal. Pure. */
export function planJournalChecks(facts: JournalFacts): readonly SourceCheck[] {
  const { place } = facts;
  if (place.kind === 'absent') return [checkAbsent(facts), checkSpace(facts)];
  const directory = checkDirectory(facts);
  if (place.kind === 'other') return [directory];
  return [directory, checkRights(facts), checkSpace(facts), checkHolder(facts), checkContent(facts)];
}

function checkAbsent({ directory, place }: JournalFacts): SourceCheck {
  const id = 'journal.directory';
  if (place.isWritable) return ok(id, `${directory} is not there yet; the first start makes it`);
  const why = `${directory} is not there, and this user may not make it`;
  return { id, result: 'failed', why, fix: `install -d -m 0700 -o USER ${directory}   # USER: who runs headwater` };
}

function checkDirectory({ directory, place }: JournalFacts): SourceCheck {
  const id = 'journal.directory';
  if (place.kind !== 'directory') {
    return { id, result: 'failed', why: `${directory} is no directory`, fix: 'Correct journal.directory.' };
  }
  if (place.isWritable) return ok(id, `${directory} is there and can be written`);
  const fix = `chown USER ${directory}   # USER: who runs headwater`;
  return { id, result: 'failed', why: `${directory} may not be written by this user`, fix };
}

function checkRights({ directory, place }: JournalFacts): SourceCheck {
  const id = 'journal.rights';
  const mode = place.mode.toString(8).padStart(4, '0');
  if ((place.mode & 0o077) === 0) return ok(id, `mode ${mode}: nobody else may look into it`);
  const why = `mode ${mode}: other users may look into the directory, which holds every row that was captured`;
  return { id, result: 'warning', why, fix: `chmod 0700 ${directory}` };
}

function checkSpace({ maxBytes, segmentBytes, place, content }: JournalFacts): SourceCheck {
  const id = 'journal.space';
  const usedByteCount = content !== undefined && 'byteCount' in content ? content.byteCount : 0;
  const missing = maxBytes - usedByteCount - place.freeByteCount;
  const free = `${place.freeByteCount} bytes are free`;
  if (place.freeByteCount < segmentBytes) {
    const why = `${free}, less than one segment (${segmentBytes}): capture stops when the disk is full`;
    return { id, result: 'failed', why, fix: `Make room for at least ${segmentBytes} bytes, better ${maxBytes}.` };
  }
  if (missing <= 0) return ok(id, `${free}; the journal may grow to ${maxBytes}`);
  const why = `${free}, but the journal may grow to ${maxBytes}: the disk is full before the limit acts`;
  const fix = `Make room for ${missing} more bytes, or set journal.maxBytes to at most ${usedByteCount + place.freeByteCount}.`;
  return { id, result: 'warning', why, fix };
}

function checkHolder({ holder }: JournalFacts): SourceCheck {
  const id = 'journal.holder';
  switch (holder.kind) {
    case 'nobody':
      return ok(id, 'nobody holds the journal: a start can take it');
    case 'running':
      return ok(id, `held by ${holder.who}`);
    case 'stopped':
      return {
        id,
        result: 'failed',
        why: `held by ${holder.who}, which is stopped: nothing is captured, and nobody else may take it`,
        fix: 'Resume it (kill -CONT) or end it (kill -KILL); no clean-up is needed after that.',
      };
    case 'elsewhere':
      return {
        id,
        result: 'warning',
        why: `last held by ${holder.who}: from here it cannot be told whether it still runs`,
        fix: 'Make sure that it has ended. A journal belongs on a local file system of one machine.',
      };
  }
}

function checkContent({ content }: JournalFacts): SourceCheck {
  const id = 'journal.content';
  if (content === undefined) return ok(id, 'no transaction yet');
  if ('code' in content) return { id, result: 'failed', why: `${content.code}: ${content.message}`, fix: content.hint };
  const { first, last, byteCount } = content;
  const held = last < first ? `none kept, last sequence ${last}` : `sequences ${first}–${last}`;
  return ok(id, `${held}, ${byteCount} bytes; headers and lengths fit (every byte: headwater journal verify)`);
}

function ok(id: string, why: string): SourceCheck {
  return { id, result: 'ok', why, fix: undefined };
}
