import type { Clock, ClockTimer } from '../foundation/clock.ts';
import { type Checkpoint, isSameCheckpoint } from './checkpoint.ts';

/** How often the checkpoint is saved beside the journal: where the lane itself keeps it, and where it is a mirror for retention. */
export const saveIntervalMs: Readonly<Record<'lane' | 'sink', number>> = { lane: 200, sink: 5000 };

/** How and how often a checkpoint is saved. */
export interface CheckpointKeeperOptions {
  readonly clock: Clock;
  /** Saves are at least so far apart: each of them is flushed to disk, and what comes between is delivered again after a kill. */
  readonly intervalMs: number;
  /** Durable when it returns. */
  readonly save: (checkpoint: Checkpoint) => void;
  /** Told of a save that failed; false: it is tried again after the interval. */
  readonly onFailure: (thrown: unknown) => boolean;
}

/** Saves the newest checkpoint, not each. Nothing new to save, no timer. */
export class CheckpointKeeper {
  readonly #options: CheckpointKeeperOptions;
  #saved: Checkpoint;
  #newest: Checkpoint;
  #timer: ClockTimer | undefined;

  constructor(saved: Checkpoint, options: CheckpointKeeperOptions) {
    this.#options = options;
    this.#saved = saved;
    this.#newest = saved;
  }

  note(checkpoint: Checkpoint): void {
    this.#newest = checkpoint;
    if (this.#timer !== undefined || isSameCheckpoint(checkpoint, this.#saved)) return;
    this.#timer = this.#options.clock.setTimer(this.#options.intervalMs, () => {
      this.#timer = undefined;
      try {
        this.flush();
      } catch (thrown) {
        if (!this.#options.onFailure(thrown)) this.note(this.#newest);
      }
    });
  }

  /** Saves now what is not saved yet. Throws what `save` throws. */
  flush(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (isSameCheckpoint(this.#newest, this.#saved)) return;
    this.#options.save(this.#newest);
    this.#saved = this.#newest;
  }
}
