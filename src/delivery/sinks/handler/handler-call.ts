/** How a call ended. */
export type CallOutcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly thrown: unknown };

const done: CallOutcome = { kind: 'done' };

/**
 * One call of the user's function. It is made for every record, and most functions return before anybody waits for them, so
 * what only a slow one needs is made when it is asked for: a promise of the end, and the signal that takes the call back.
 */
export class HandlerCall {
  #outcome: CallOutcome | undefined;
  #onEnd: ((outcome: CallOutcome) => void) | undefined;
  #abort: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  /** Undefined as long as the function works. */
  get outcome(): CallOutcome | undefined {
    return this.#outcome;
  }

  /** Aborted by `abort`, whether it was asked for before or after. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#aborted !== undefined) this.#abort.abort(this.#aborted.reason);
    }
    return this.#abort.signal;
  }

  /** Calls the function, once. Never throws: what it throws, and what its promise rejects with, is the outcome. */
  begin(call: () => Promise<void> | void): void {
    try {
      const result = call();
      if (isThenable(result)) void this.#follow(result);
      else this.#end(done);
    } catch (thrown) {
      this.#end({ kind: 'failed', thrown });
    }
  }

  /** Tells the function that nobody waits any more. It may end well all the same. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#abort?.abort(reason);
  }

  /** Calls back once the function ends; replaces an earlier callback. Not for a call that has ended. */
  onEnd(callback: ((outcome: CallOutcome) => void) | undefined): void {
    this.#onEnd = callback;
  }

  async #follow(result: PromiseLike<unknown>): Promise<void> {
    let outcome: CallOutcome = done;
    try {
      await result;
    } catch (thrown) {
      outcome = { kind: 'failed', thrown };
    }
    this.#end(outcome);
  }

  #end(outcome: CallOutcome): void {
    this.#outcome = outcome;
    this.#onEnd?.(outcome);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
