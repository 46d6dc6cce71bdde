import type { Clock, ClockTimer } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Logger } from '../foundation/logger.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';

/** What the loop works with. */
export interface IndexLoopOptions {
  readonly journal: Pick<OpenedJournal, 'reader' | 'search'>;
  /** A journal that grows by more than this between two looks is left alone. */
  readonly quietByteCountMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const intervalMs = 60_000;

/**
 * Makes the indexes of sealed segments, so that a look for an event need not read the journal through. Decoding a segment
 * costs about as much as delivering it, so this happens in the lanes' thread and never in that of capture, once a minute, and
 * not while the journal grows fast: it catches up when that is over, and until then a look reads more.
 */
export class IndexLoop {
  readonly #options: IndexLoopOptions;
  readonly #stopping = new AbortController();
  #timer: ClockTimer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #indexedUpTo: bigint | undefined;
  #byteCount: number | undefined;
  #hasFailed = false;

  constructor(options: IndexLoopOptions) {
    this.#options = options;
  }

  /** Looks again and again, for the first time in a minute. */
  start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = this.#options.clock.setTimer(intervalMs, () => {
      this.#looking = this.#look().then(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new HeadwaterError('HW-INTERNAL-003', 'the service stops'));
    this.#timer?.clear();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { journal, quietByteCountMax, logger } = this.#options;
    const { sequence } = journal.reader.durableEnd;
    if (sequence === this.#indexedUpTo) return;
    try {
      const { byteCount } = await journal.reader.extent();
      const grownByteCount = byteCount - (this.#byteCount ?? byteCount);
      this.#byteCount = byteCount;
      if (grownByteCount > quietByteCountMax) return;
      await journal.search.refresh(this.#stopping.signal);
      this.#indexedUpTo = sequence;
      this.#hasFailed = false;
    } catch (thrown) {
      if (this.#stopping.signal.aborted || this.#hasFailed) return;
      this.#hasFailed = true;
      const error = HeadwaterError.from(thrown);
      logger.warn('journal.index_failed', { code: error.code, error: error.message });
    }
  }
}
