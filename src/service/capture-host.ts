import type { Worker } from 'node:worker_threads';

import type { Clock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Logger } from '../foundation/logger.ts';
import type { LaneCopyRequest } from '../capture/change-source.ts';
import type { SourceReport } from '../capture/source-report.ts';
import type { Lsn } from '../model/lsn.ts';
import type { CaptureAnswer, CaptureRequest } from './capture-protocol.ts';
import type { CaptureThread } from './capture-thread.ts';
import type { CaptureWorkerInput } from './capture-worker-input.ts';
import { fromPlainError, toPlainError, type PlainError } from './plain-error.ts';

/** What the main thread needs to run capture in a thread of its own. */
export interface CaptureHostOptions {
  readonly input: CaptureWorkerInput;
  readonly thread: Pick<CaptureThread, 'take'>;
  /** Asked at each connection to the source. */
  readonly sourceUrl: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopTimeoutMs: number;
}

const reportTimeoutMs = 2000;

/**
 * Runs capture in a worker thread and speaks for it in this one. The thread's end by itself is an error like any other that
 * ends capture: `finished` carries it, and the service decides.
 */
export class CaptureHost implements AsyncDisposable {
  readonly #options: CaptureHostOptions;
  readonly #worker: Worker;
  readonly #started = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<HeadwaterError | undefined>();
  readonly #reports = new Map<number, (report: SourceReport) => void>();
  #nextReportId = 1;
  #lastReport: SourceReport | undefined;
  #isStopping = false;

  constructor(options: CaptureHostOptions) {
    this.#options = options;
    this.#started.promise.catch(() => undefined);
    this.#worker = options.thread.take();
    this.#worker.on('message', (answer: CaptureAnswer) => this.#receive(answer));
    this.#worker.on('error', (thrown) =>
      this.#end(HeadwaterError.from(thrown, 'HW-SERVICE-006', 'the capture worker threw')),
    );
    this.#worker.on('exit', (code) => this.#end(this.#exitError(code)));
    this.#send({ kind: 'start', input: options.input });
  }

  /** Resolves when the source streams. @throws what the source's start throws */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Resolves when the thread has ended: with the error that ended capture, or undefined after a stop. */
  get finished(): Promise<HeadwaterError | undefined> {
    return this.#finished.promise;
  }

  /** What capture says of itself; its last word when it does not answer in time. */
  async report(): Promise<SourceReport | undefined> {
    const id = this.#nextReportId;
    this.#nextReportId += 1;
    const answer = Promise.withResolvers<SourceReport | undefined>();
    this.#reports.set(id, answer.resolve);
    const timer = this.#options.clock.setTimer(reportTimeoutMs, () => answer.resolve(this.#lastReport));
    this.#send({ kind: 'report', id });
    void this.#finished.promise.then(() => answer.resolve(this.#lastReport));
    try {
      return await answer.promise;
    } finally {
      timer.clear();
      this.#reports.delete(id);
    }
  }

  /** Has the tables copied for these lanes. */
  requestCopies(requests: readonly LaneCopyRequest[]): void {
    this.#send({ kind: 'copies', requests });
  }

  /** Somebody waits until everything before `lsn` is recorded. */
  requestProgress(lsn: Lsn): void {
    this.#send({ kind: 'progress', lsn });
  }

  /** Ends capture: what was appended is flushed and confirmed first. After the timeout the thread is ended all the same. */
  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#send({ kind: 'stop' });
    }
    const timer = this.#options.clock.setTimer(this.#options.stopTimeoutMs, () => {
      this.#options.logger.warn('capture.stop_timeout', { timeoutMs: this.#options.stopTimeoutMs });
      void this.#worker.terminate();
    });
    await this.#finished.promise;
    timer.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #send(request: CaptureRequest): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window: it has no origin
    this.#worker.postMessage(request);
  }

  #receive(answer: CaptureAnswer): void {
    switch (answer.kind) {
      case 'started':
        this.#started.resolve();
        return;
      case 'finished':
        if (answer.error === undefined)
          this.#started.reject(new HeadwaterError('HW-INTERNAL-003', 'capture was stopped'));
        else this.#fail(answer.error);
        return;
      case 'report': {
        const { error, ...report } = answer.report;
        this.#lastReport = { ...report, error: error === undefined ? undefined : fromPlainError(error) };
        this.#reports.get(answer.id)?.(this.#lastReport);
        return;
      }
      case 'source-url-wanted':
        void this.#tellUrl(answer.id);
        return;
      case 'log':
        this.#options.logger[answer.level](answer.event, answer.fields);
    }
  }

  async #tellUrl(id: number): Promise<void> {
    try {
      this.#send({ kind: 'source-url', id, url: await this.#options.sourceUrl() });
    } catch (thrown) {
      this.#send({ kind: 'source-url-failed', id, error: toPlainError(HeadwaterError.from(thrown, 'HW-CONFIG-005')) });
    }
  }

  #fail(plain: PlainError): void {
    const error = fromPlainError(plain);
    this.#failure = error;
    this.#started.reject(error);
  }
  #failure: HeadwaterError | undefined;

  #exitError(code: number): HeadwaterError | undefined {
    if (this.#failure !== undefined || this.#isStopping) return this.#failure;
    return new HeadwaterError('HW-SERVICE-006', `the capture worker ended with code ${code}`);
  }

  #end(error: HeadwaterError | undefined): void {
    this.#started.reject(error ?? new HeadwaterError('HW-INTERNAL-003', 'capture was stopped'));
    this.#finished.resolve(error);
  }
}
