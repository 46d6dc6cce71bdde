import type { SourceReport as CaptureReport } from '../capture/source-report.ts';
import { type ClockTimer, systemClock } from '../foundation/clock.ts';
import { noCopies, type SourceCopies } from '../delivery/lane-copy.ts';

const lookIntervalMs = 1000;

/** What the watch asks. */
export interface CopyWatchOptions {
  readonly report: () => Promise<CaptureReport | undefined>;
  /** Whether a lane waits to hear that copies are whole, and copies are made at all. */
  readonly isAwaited: () => boolean;
}

/** Which tables the lanes lack rows of, as capture last said. */
export class CopyWatch {
  readonly #options: CopyWatchOptions;
  #latest: SourceCopies = noCopies;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(options: CopyWatchOptions) {
    this.#options = options;
  }

  get latest(): SourceCopies {
    return this.#latest;
  }

  note(report: CaptureReport | undefined): void {
    if (report === undefined) return;
    const { copiedLanes, copiedThrough, uncopiedTables } = report;
    this.#latest = { uncopiedTables, copiedThrough: BigInt(copiedThrough ?? 0), copiedLanes };
  }

  /** A view of an idle database would not hear otherwise that the copy of its rows is whole. */
  watch(): void {
    if (this.#isStopped || !this.#options.isAwaited()) return;
    this.#timer = systemClock.setTimer(lookIntervalMs, () => {
      void this.#options
        .report()
        .then((report) => this.note(report))
        .finally(() => this.watch());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.clear();
  }
}
