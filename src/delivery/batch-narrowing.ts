import { type Checkpoint, compareCheckpoints } from './checkpoint.ts';

/** Smaller batches while a poisoned record is searched for, and until the place is passed that the search began with. */
export class BatchNarrowing {
  #narrowed: { readonly recordCountMax: number; readonly until: Checkpoint } | undefined;

  get isNarrow(): boolean {
    return this.#narrowed !== undefined;
  }

  /** Undefined: as many as the limits allow. */
  get recordCountMax(): number | undefined {
    return this.#narrowed?.recordCountMax;
  }

  /** Batches of so few records from now on, until `until` is passed, or what an earlier call said. */
  narrow(recordCountMax: number, until: Checkpoint): void {
    this.#narrowed = { recordCountMax, until: this.#narrowed?.until ?? until };
  }

  /** Whether the place ends the search. */
  widen(passed: Checkpoint): boolean {
    if (this.#narrowed === undefined || compareCheckpoints(passed, this.#narrowed.until) < 0) return false;
    this.#narrowed = undefined;
    return true;
  }
}
