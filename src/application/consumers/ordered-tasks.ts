/**
 * Runs tasks of one key one after the other and of different keys side by side, so many at a time. The first failure is kept; tasks
 * behind it in its key do not run.
 */
export class OrderedTasks {
  readonly #inFlightMax: number;
  readonly #tails = new Map<string, Promise<void>>();
  #inFlight = 0;
  #freed = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  #hasFailed = false;

  constructor(inFlightMax: number) {
    this.#inFlightMax = inFlightMax;
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects with the first failure of a task; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Resolves as soon as there is room for the next task, which then is under way or in line. */
  async add(key: string, task: () => Promise<void>): Promise<void> {
    while (this.#inFlight >= this.#inFlightMax && !this.#hasFailed) await this.#freed.promise;
    if (this.#hasFailed) return;
    this.#inFlight += 1;
    const before = this.#tails.get(key);
    const tail = this.#runBehind(before, task).finally(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
      this.#inFlight -= 1;
      this.#freed.resolve();
      this.#freed = Promise.withResolvers();
    });
    this.#tails.set(key, tail);
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  async #runBehind(before: Promise<void> | undefined, task: () => Promise<void>): Promise<void> {
    await before;
    if (this.#hasFailed) return;
    try {
      await task();
    } catch (thrown) {
      this.#hasFailed = true;
      this.#failed.reject(thrown);
    }
  }
}
