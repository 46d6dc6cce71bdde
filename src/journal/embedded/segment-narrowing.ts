import { type Sequence, toSequence } from '../../model/position.ts';
import type { EventTerm, JournalNarrowing, SequenceRange } from '../journal-search.ts';
import type { DurableEndWatch } from './durable-place.ts';
import type { JournalFiles } from './journal-files.ts';
import { indexPath } from './journal-paths.ts';
import { ReadRooms } from './read-rooms.ts';
import { listSegments, readSummary, type SegmentSummary } from './segment-catalog.ts';
import { SegmentIndex } from './segment-index.ts';
import { filterHash, tableHash } from './term-hash.ts';

/**
 * Narrows a look at the journal by the index files beside its sealed segments, in any process. Within one segment it is one
 * run, from the first transaction that a table leads to up to the last: a segment is read once.
 */
export class SegmentNarrowing implements JournalNarrowing {
  readonly #files: JournalFiles;
  readonly #end: DurableEndWatch;
  readonly #rooms = new ReadRooms();

  constructor(files: JournalFiles, end: DurableEndWatch) {
    this.#files = files;
    this.#end = end;
  }

  async narrow(term: EventTerm, after: Sequence): Promise<readonly SequenceRange[]> {
    const { disk, paths, journalId } = this.#files;
    const open = this.#end.place.segment;
    const ranges: SequenceRange[] = [];
    let behind = after;
    const numbers = (await listSegments(disk, paths)).filter((number) => number <= open);
    for (const number of numbers.slice(0, -1)) {
      const next = await readSummary(disk, paths, number + 1, journalId);
      const last = toSequence(next.header.firstSequence - 1n);
      if (last <= behind) continue;
      const found = await this.#find(number, next, term);
      if (found === 'unknown') ranges.push({ after: behind, last });
      else ranges.push(...runOf(found.filter((sequence) => sequence > behind)));
      behind = last;
    }
    return joined([...ranges, { after: behind, last: undefined }]);
  }

  /** The transactions of a sealed segment that may hold the event. */
  async #find(number: number, next: SegmentSummary, term: EventTerm): Promise<readonly bigint[] | 'unknown'> {
    const { disk, paths, journalId } = this.#files;
    const { header } = await readSummary(disk, paths, number, journalId);
    await using index = await SegmentIndex.open(disk, indexPath(paths, number), {
      journalId,
      number,
      byteCount: next.header.previousByteCount,
      lastCrc: next.header.lineage,
      firstSequence: header.firstSequence,
    });
    if (index === undefined || !index.hasTerms) return 'unknown';
    const hash = tableHash(term.value);
    if (term.field === 'id' && !index.mayHoldEvent(hash, filterHash(term.value))) return [];
    return await this.#rooms.use((room) => index.find(term.field === 'key' ? 'keys' : 'eventIds', hash, room));
  }
}

function runOf(found: readonly bigint[]): readonly SequenceRange[] {
  const [first] = found;
  if (first === undefined) return [];
  let low = first;
  let high = first;
  for (const sequence of found) {
    if (sequence < low) low = sequence;
    if (sequence > high) high = sequence;
  }
  return [{ after: toSequence(low - 1n), last: toSequence(high) }];
}

/** Runs that follow each other at once are one. */
function joined(ranges: readonly SequenceRange[]): readonly SequenceRange[] {
  const result: SequenceRange[] = [];
  for (const range of ranges) {
    const before = result.at(-1);
    if (before?.last === range.after) result[result.length - 1] = { after: before.after, last: range.last };
    else result.push(range);
  }
  return result;
}
