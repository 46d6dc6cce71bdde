import { join } from 'node:path';

import type { Clock } from '../../foundation/clock.ts';
import type { Logger } from '../../foundation/logger.ts';
import { toSequence } from '../../model/position.ts';
import type { JournalReader } from '../journal-reader.ts';
import { readLaneGap, writeLaneGap } from '../lane-gap.ts';
import type { StateStore } from '../state-store.ts';
import type { DurableEndWatch, DurablePlace } from './durable-place.ts';
import type { JournalFiles } from './journal-files.ts';
import { indexPath, segmentPath } from './journal-paths.ts';
import {
  planRetention,
  type Removal,
  type RetainingLane,
  type RetentionPlan,
  type RetentionPolicy,
  type SealedSegment,
} from './plan-retention.ts';
import { listSegments, readSummary } from './segment-catalog.ts';
import { SegmentWalk } from './segment-walk.ts';

/** Everything that retention ever removed from this journal. */
export interface TrimTotals {
  readonly segmentCount: number;
  readonly transactionCount: number;
  readonly byteCount: number;
}

/** What retention works with. */
export interface RetentionOptions {
  readonly files: JournalFiles;
  readonly state: StateStore;
  readonly reader: JournalReader;
  readonly end: DurableEndWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: RetentionPolicy;
  /** What may be appended between two looks. */
  readonly headroomByteCount: number;
  /** Called behind each removal. */
  readonly onRemoved: (segment: number) => Promise<void>;
}

const trimKind = 'trim';
const spoolKind = 'trim-spool';
const totalsName = 'totals';
const keptTrimRecords = 100;
/** Of a journal that grows by less and is flushed no more often, no look need be taken for this long. */
const quietByteCountMax = 65_536;
const quietVersionStepMax = 8;
const quietIntervalMs = 60_000;

interface Look {
  readonly atMs: number;
  readonly version: number;
  readonly place: DurablePlace;
  readonly lanes: readonly RetainingLane[];
  readonly mayCapture: boolean;
}

/**
 * Removes whole sealed segments by the declared policy. Each removal is a record in the state and counted before the file
 * goes; a lane that is given up gets a gap record first (kind `lane-gap`, by its name). One caller at a time.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #sealed = new Map<number, SealedSegment>();
  #lastLook: Look | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  get totals(): TrimTotals {
    const text = this.#options.state.read(trimKind, totalsName);
    const parsed: unknown = text === undefined ? undefined : JSON.parse(text);
    return {
      segmentCount: numberOf(parsed, 'segmentCount'),
      transactionCount: numberOf(parsed, 'transactionCount'),
      byteCount: numberOf(parsed, 'byteCount'),
    };
  }

  /**
   * False while `run` would decide what it decided last: next to nothing was appended since, no lane moved, capture is not
   * held, and less than a minute has passed. So the journal of an idle source is left alone.
   */
  isDue(lanes: readonly RetainingLane[]): boolean {
    const { clock, end } = this.#options;
    const last = this.#lastLook;
    if (last === undefined || !last.mayCapture || clock.monotonicMs() - last.atMs >= quietIntervalMs) return true;
    const { segment, offset } = end.place;
    if (segment !== last.place.segment || offset - last.place.offset > quietByteCountMax) return true;
    // Spools grow beside the segments, by flushes as well.
    if (Math.abs(end.version - last.version) > quietVersionStepMax) return true;
    const before = new Map(last.lanes.map(({ name, sequence }) => [name, sequence]));
    return lanes.length !== before.size || lanes.some(({ name, sequence }) => before.get(name) !== sequence);
  }

  /** Looks once and removes what may go. @returns what was decided */
  async run(lanes: readonly RetainingLane[]): Promise<RetentionPlan> {
    const { reader, end, clock, policy, headroomByteCount, state, logger } = this.#options;
    this.#lastLook = undefined;
    const seen = { atMs: clock.monotonicMs(), version: end.version, place: end.place, lanes };
    await this.#removeLeftSpools();
    const { byteCount } = await reader.extent();
    const sealed = await this.#listSealed();
    // What was given up holds nothing any more.
    const attached = lanes.filter(({ name, sequence }) => readLaneGap(state, name, sequence) === undefined);
    const plan = planRetention({ sealed, byteCount, headroomByteCount, lanes: attached, policy, nowMs: clock.now() });
    for (const { lane, firstLost, lastLost } of plan.detachments) {
      writeLaneGap(state, lane, { firstLost, lastLost, atMs: clock.now() });
      logger.error('lane detached', { lane, firstLost, lastLost });
    }
    for (const removal of plan.removals) await this.#remove(removal);
    this.#lastLook = { ...seen, mayCapture: plan.mayCapture };
    return plan;
  }

  /** The last one is written to. Facts of a sealed segment never change. */
  async #listSealed(): Promise<readonly SealedSegment[]> {
    const { disk, paths, journalId } = this.#options.files;
    const numbers = await listSegments(disk, paths);
    const sealed: SealedSegment[] = [];
    for (const number of numbers.slice(0, -1)) {
      const known = this.#sealed.get(number);
      if (known !== undefined) {
        sealed.push(known);
        continue;
      }
      const { header, byteCount } = await readSummary(disk, paths, number, journalId);
      const { header: next } = await readSummary(disk, paths, number + 1, journalId);
      const firstSequence = toSequence(header.firstSequence);
      const lastSequence = toSequence(next.firstSequence - 1n);
      const segment = { number, firstSequence, lastSequence, byteCount, sealedMs: Number(next.createdMicros / 1000n) };
      this.#sealed.set(number, segment);
      sealed.push(segment);
    }
    return sealed;
  }

  async #remove({ segment, reason }: Removal): Promise<void> {
    const { files, logger } = this.#options;
    const { disk, paths } = files;
    const { number, byteCount } = segment;
    for (const name of await this.#findSpools(number)) this.#options.state.write(spoolKind, name, '');
    this.#record({ segment, reason });
    await disk.remove(indexPath(paths, number));
    await disk.remove(segmentPath(paths, number));
    // One after the other, or a power cut could leave a gap between segments.
    await disk.flushDirectory(paths.segments);
    this.#sealed.delete(number);
    await this.#options.onRemoved(number);
    await this.#removeLeftSpools();
    logger.info('segment removed', { segment: number, reason, byteCount });
  }

  #record({ segment, reason }: Removal): void {
    const { state, clock } = this.#options;
    const { number, firstSequence, lastSequence, byteCount } = segment;
    const name = String(number).padStart(16, '0');
    if (state.read(trimKind, name) !== undefined) return;
    const sequences = { firstSequence: String(firstSequence), lastSequence: String(lastSequence) };
    const before = this.totals;
    state.write(trimKind, name, JSON.stringify({ ...sequences, byteCount, reason, atMs: clock.now() }));
    const totals: TrimTotals = {
      segmentCount: before.segmentCount + 1,
      transactionCount: before.transactionCount + Number(lastSequence - firstSequence + 1n),
      byteCount: before.byteCount + byteCount,
    };
    state.write(trimKind, totalsName, JSON.stringify(totals));
    const records = state.list(trimKind).filter(([recordName]) => recordName !== totalsName);
    for (const [oldName] of records.slice(0, -keptTrimRecords)) state.remove(trimKind, oldName);
  }

  /** Spools of the transactions that ended in the segment. */
  async #findSpools(number: number): Promise<readonly string[]> {
    const { files } = this.#options;
    const present = await files.disk.list(files.paths.spool);
    if (!present.some((name) => name.endsWith('.spool'))) return [];
    const ended: string[] = [];
    await using walk = await SegmentWalk.open(files, number, 0);
    walk.extendTo(await walk.file.size());
    for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
      if (step.kind === 'more') await walk.load(step.byteCount);
      else if (step.kind === 'spooled-commit' || step.kind === 'spool-ended') ended.push(step.spool.name);
    }
    return ended;
  }

  /** The segment goes first, so that nobody meets a commit without its body; a crash in between is finished here. */
  async #removeLeftSpools(): Promise<void> {
    const { files, state } = this.#options;
    for (const [name] of state.list(spoolKind)) {
      await files.disk.remove(join(files.paths.spool, name));
      state.remove(spoolKind, name);
    }
  }
}

function numberOf(record: unknown, key: string): number {
  if (typeof record !== 'object' || record === null || !(key in record)) return 0;
  const value: unknown = Reflect.get(record, key);
  return typeof value === 'number' ? value : 0;
}
