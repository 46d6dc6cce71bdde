/** Something that waits to happen: an I/O call's end, a timer. */
export interface PendingStep {
  readonly label: string;
  readonly owner: SimulatedProcess;
  /** Virtual milliseconds before which it cannot happen. */
  readonly notBeforeMs: number;
  readonly happen: () => void;
}

/** What a process needs of the scheduler. */
export interface StepOrder {
  readonly nowMs: number;
  /** The returned function takes the step back. */
  add(step: PendingStep): () => void;
  /** Drops every step of a process. */
  forget(owner: SimulatedProcess): void;
  record(line: string): void;
}

/** Whose steps end with it: after `kill` nothing that it waited for happens any more, so its code never goes on. */
export class SimulatedProcess {
  readonly name: string;
  readonly #scheduler: StepOrder;
  #isAlive = true;

  constructor(scheduler: StepOrder, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  /** Resolves when the scheduler lets it, at or after `delayMs` of virtual time. */
  step(label: string, delayMs = 0): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(label, delayMs, resolve);
    });
  }

  /** Calls `happen` when the scheduler lets it. The returned function takes it back. */
  schedule(label: string, delayMs: number, happen: () => void): () => void {
    if (!this.#isAlive) return () => {};
    return this.#scheduler.add({ label, owner: this, notBeforeMs: this.#scheduler.nowMs + delayMs, happen });
  }

  kill(): void {
    this.#isAlive = false;
    this.#scheduler.forget(this);
    this.#scheduler.record(`${this.name} is killed`);
  }
}
