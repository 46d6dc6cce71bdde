/** Those who wait for the next change. */
export class ChangeWaiters {
  readonly #waiting = new Set<() => void>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Resolves at the next `wake`; rejects with `signal.reason` when aborted first. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#waiting.delete(onChange);
        reject(signal?.reason);
      };
      const onChange = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(onChange);
    });
  }

  wake(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const onChange of woken) onChange();
  }
}
