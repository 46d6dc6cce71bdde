import { Worker } from 'node:worker_threads';

/**
 * A thread that loads what capture needs while its owner still opens the journal, and then waits to be told what to capture:
 * both take a part of the time from a start to the first event. It is owned until it is taken.
 */
export class CaptureThread implements AsyncDisposable {
  #waiting: Worker | undefined;
  readonly #forget = (): void => {
    this.#waiting = undefined;
  };

  constructor() {
    this.#waiting = startWorker();
    // What keeps it from starting is for the next one to say, which has somebody who listens.
    this.#waiting.once('error', this.#forget).once('exit', this.#forget);
  }

  /** The thread, or a new one when that was taken, or has ended. */
  take(): Worker {
    const worker = this.#waiting?.off('error', this.#forget).off('exit', this.#forget) ?? startWorker();
    this.#waiting = undefined;
    return worker;
  }

  /** Ends the thread unless it was taken. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#waiting?.terminate();
  }
}

function startWorker(): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`capture-worker.${extension}`, import.meta.url));
}
