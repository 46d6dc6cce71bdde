import { type Clock, systemClock } from '../foundation/clock.ts';
import { silentLogger } from '../foundation/logger.ts';
import { systemRandom } from '../foundation/random.ts';
import type { StateStore } from '../journal/state-store.ts';
import { JournalTail } from '../delivery/journal-tail.ts';
import { noCopies } from '../delivery/lane-copy.ts';
import { Lane } from '../delivery/lane.ts';
import { type LaneOptions, resolveLaneOptions } from '../delivery/lane-options.ts';
import type { SinkContext } from '../delivery/sink.ts';
import { createMemoryStates, MemoryJournal } from './memory-journal.ts';

/** A journal and what lanes on it need, for tests of sinks with real time. */
export class LaneStage implements AsyncDisposable {
  readonly journal: MemoryJournal = new MemoryJournal();
  readonly states: StateStore = createMemoryStates();
  readonly clock: Clock = systemClock;
  readonly #lanes: Lane[] = [];

  /** A lane with retries that a test can wait for, and that shows what its sink refuses by stopping. */
  lane(options: LaneOptions, name = 'lane', stopTimeoutMs = 10_000): Lane {
    const lane = new Lane({
      installation: 'test',
      laneName: name,
      options: resolveLaneOptions({ retry: { initialDelayMs: 20, maxDelayMs: 200 }, onPoisoned: 'stop', ...options }),
      configuredNames: [name],
      reader: this.journal,
      tail: new JournalTail({ reader: this.journal, createDecoder: this.journal.createDecoder }),
      states: this.states,
      copies: () => noCopies,
      clock: this.clock,
      random: systemRandom,
      logger: silentLogger,
      stopTimeoutMs,
    });
    this.#lanes.push(lane);
    return lane;
  }

  sinkContext(laneName = 'lane'): SinkContext {
    return {
      installation: 'test',
      laneName,
      journalId: this.journal.journalId,
      clock: this.clock,
      random: systemRandom,
      logger: silentLogger,
      signal: new AbortController().signal,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }
}
