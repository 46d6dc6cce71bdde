import type { Clock } from '../../foundation/clock.ts';
import type { Disk } from '../../foundation/disk.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { readHolder } from './holder.ts';
import type { JournalPaths } from './journal-paths.ts';
import type { Ownership } from './ownership.ts';

const verifyIntervalMs = 250;

/** What an owner compares. */
export interface HolderOwnershipOptions {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly clock: Clock;
  readonly journalId: string;
  readonly epoch: number;
}

/**
 * Ownership by the epoch in `holder.json`. The lock alone keeps others out; this finds a lock file that was replaced under
 * its holder, and a directory that was restored from a copy. A process that was stopped looks before its next flush.
 */
export class HolderOwnership implements Ownership {
  readonly #options: HolderOwnershipOptions;
  #verifiedMs = Number.NEGATIVE_INFINITY;

  constructor(options: HolderOwnershipOptions) {
    this.#options = options;
  }

  async verify(isForced: boolean): Promise<void> {
    const { disk, paths, clock, journalId, epoch } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!isForced && nowMs - this.#verifiedMs < verifyIntervalMs) return;
    const holder = await readHolder(disk, paths.holder);
    if (holder?.journalId !== journalId || holder.epoch !== epoch) {
      const found =
        holder === undefined ? 'nobody' : `process ${holder.pid} with epoch ${holder.epoch} since ${holder.since}`;
      throw new HeadwaterError('HW-JOURNAL-004', `${paths.holder} names ${found}; this writer has epoch ${epoch}`);
    }
    this.#verifiedMs = nowMs;
  }
}
