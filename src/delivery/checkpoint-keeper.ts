import type { Clock, ClockTimer } from '../foundation/clock.ts';
import type { StateDurability } from '../journal/state-store.ts';
import { type Checkpoint, isSameCheckpoint } from './checkpoint.ts';

/** How often the checkpoint is saved beside the journal: where the lane itself keeps it, and where it is a mirror for retention. */
export const saveIntervalMs: Readonly<Record<'lane' | 'sink' | 'memory', number>> = {
  lane: 200,
  sink: 5000,
  memory: 5000,
};

/** How and how often a checkpoint is saved. */
export interface CheckpointKeeperOptions {
  readonly clock: Clock;
  /** Saves are at least so far apart; what comes between is delivered again after a kill. */
  readonly intervalMs: number;
  readonly save: (checkpoint: Checkpoint, durability: StateDurability) => void;
  /** Told of a save that failed; false: it is tried again after the interval. */
  readonly onFailure: (thrown: unknown) => boolean;
}

/**
 * Saves the newest checkpoint, not each. Nothing new to save, no timer. What the timer saves is not flushed to the disk,
 * for that would stop the thread: after a power cut the sink is given again what came since the last `flush`.
 */
export class CheckpointKeeper {
  readonly #options: CheckpointKeeperOptions;
  #saved: Checkpoint;
  #newest: Checkpoint;
  #isFlushed = true;
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
        this.#save('written');
      } catch (thrown) {
        if (!this.#options.onFailure(thrown)) this.note(this.#newest);
      }
    });
  }

  /** Saves what is not saved yet, and makes it durable. Throws what `save` throws. */
  flush(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#isFlushed && isSameCheckpoint(this.#newest, this.#saved)) return;
    this.#save('flushed');
  }

  #save(durability: StateDurability): void {
    this.#options.save(this.#newest, durability);
    this.#saved = this.#newest;
    this.#isFlushed = durability === 'flushed';
  }
}
