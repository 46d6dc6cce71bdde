import type { LaneCopyRequest } from '../capture/change-source.ts';
import type { SourceReport } from '../capture/source-report.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Random } from '../foundation/random.ts';
import { defaultRetryPolicy, planRetryDelayMs } from '../foundation/retry.ts';
import type { Lsn } from '../model/lsn.ts';
import { CaptureHost, type CaptureHostOptions } from './capture-host.ts';

/** What keeps capture running. */
export interface CaptureSupervisorOptions extends CaptureHostOptions {
  readonly random: Random;
}

/**
 * Keeps one capture worker running: starts another one when it dies, and none while capture is held because the journal is at
 * its limit. An error that waiting does not mend ends it for good.
 */
export class CaptureSupervisor {
  readonly #options: CaptureSupervisorOptions;
  readonly #finished = Promise.withResolvers<HeadwaterError | undefined>();
  readonly #stopping = new AbortController();
  #host: CaptureHost | undefined;
  #held: HeadwaterError | undefined;
  #released = Promise.withResolvers<void>();
  #lastReport: SourceReport | undefined;
  #running: Promise<void> | undefined;
  #copyRequests: readonly LaneCopyRequest[] = [];

  constructor(options: CaptureSupervisorOptions) {
    this.#options = options;
  }

  /** Resolves when capture runs no more: with the error that ended it for good, or undefined after `stop`. */
  get finished(): Promise<HeadwaterError | undefined> {
    return this.#finished.promise;
  }

  /** Resolves when the source streams for the first time. @throws what its start throws; capture has then ended */
  async start(): Promise<void> {
    const started = Promise.withResolvers<void>();
    started.promise.catch(() => undefined);
    this.#running = this.#run(started);
    await started.promise;
  }

  /** Ends the worker and starts none before `release`. Nothing is lost: the slot holds what is not confirmed. */
  async hold(reason: HeadwaterError): Promise<void> {
    if (this.#held !== undefined) return;
    this.#held = reason;
    this.#released = Promise.withResolvers<void>();
    this.#options.logger.error('source.held', { code: reason.code, error: reason.message, hint: reason.hint });
    await this.#host?.stop();
  }

  /** Lets capture go on after `hold`. */
  release(): void {
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#options.logger.info('source.released');
    this.#released.resolve();
  }

  /** Has the tables copied for these lanes, by this worker and those that come after it. The whole list, each time. */
  requestCopies(requests: readonly LaneCopyRequest[]): void {
    this.#copyRequests = requests;
    this.#host?.requestCopies(requests);
  }

  /** Somebody waits until everything before `lsn` is recorded. */
  requestProgress(lsn: Lsn): void {
    this.#host?.requestProgress(lsn);
  }

  /** What capture says of itself, with the reason it is held for. */
  async report(): Promise<SourceReport | undefined> {
    this.#lastReport = (await this.#host?.report()) ?? this.#lastReport;
    if (this.#lastReport === undefined || this.#held === undefined) return this.#lastReport;
    return { ...this.#lastReport, state: 'stopped', error: this.#held };
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort(new HeadwaterError('HW-INTERNAL-003', 'capture was stopped'));
    this.#released.resolve();
    await this.#host?.stop();
    await this.#running;
    this.#finished.resolve(undefined);
  }

  async #run(started: PromiseWithResolvers<void>): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      if (this.#held !== undefined) {
        await this.#released.promise;
        continue;
      }
      const host = new CaptureHost(this.#options);
      this.#host = host;
      host.requestCopies(this.#copyRequests);
      const hasStarted = await host.started.then(
        () => true,
        () => false,
      );
      if (hasStarted) {
        attempt = 0;
        started.resolve();
      }
      const error = await host.finished;
      if (error !== undefined && error.policy === 'stop') {
        started.reject(error);
        this.#finished.resolve(error);
        return;
      } else if (error !== undefined) await this.#waitBeforeNext(error, Math.max(1, attempt));
    }
    started.reject(signal.reason);
  }

  async #waitBeforeNext(error: HeadwaterError, attempt: number): Promise<void> {
    const { clock, logger, random } = this.#options;
    const delayMs = planRetryDelayMs(defaultRetryPolicy, attempt, random.next());
    logger.error('source.worker_ended', { code: error.code, error: error.message, delayMs });
    await clock.sleep(delayMs, this.#stopping.signal).catch(() => undefined);
  }
}
