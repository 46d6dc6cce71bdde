import type { SourceReport as CaptureReport } from '../capture/source-report.ts';
import { type ClockTimer, systemClock } from '../foundation/clock.ts';
import type { UncopiedTable } from '../model/source-identity.ts';

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
  #uncopiedTables: readonly UncopiedTable[] = [];
  #copiedThrough = 0n;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(options: CopyWatchOptions) {
    this.#options = options;
  }

  get uncopiedTables(): readonly UncopiedTable[] {
    return this.#uncopiedTables;
  }

  /** The sequence of the last chunk of a copy that is whole. */
  get copiedThrough(): bigint {
    return this.#copiedThrough;
  }

  note(report: CaptureReport | undefined): void {
    if (report === undefined) return;
    this.#uncopiedTables = report.uncopiedTables;
    this.#copiedThrough = BigInt(report.copiedThrough ?? 0);
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
