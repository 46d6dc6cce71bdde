import type { Lane } from '../delivery/lane.ts';
import type { Clock, ClockTimer } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Logger } from '../foundation/logger.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';
import type { RetainingLane, RetentionPlan } from '../journal/embedded/plan-retention.ts';
import type { Sequence } from '../model/position.ts';
import type { CaptureSupervisor } from './capture-supervisor.ts';
import type { ResolvedConfig } from './config-types.ts';

/** What retention looks at and acts on. */
export interface RetentionLoopOptions {
  readonly config: ResolvedConfig['journal'];
  readonly journal: OpenedJournal;
  readonly lanes: readonly Lane[];
  readonly capture: CaptureSupervisor;
  readonly clock: Clock;
  readonly logger: Logger;
}

const intervalMs = 5000;
/** From here on the log says that the limit comes near. */
const nearLimitRatio = 0.7;

/** Looks at the journal's size and age every few seconds while it is written to or delivered, else once a minute; removes what may go, and holds capture at the limit. */
export class RetentionLoop {
  readonly #options: RetentionLoopOptions;
  readonly #retention: ReturnType<OpenedJournal['createRetention']>;
  #timer: ClockTimer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;
  #wasNear = false;

  constructor(options: RetentionLoopOptions) {
    const { config, journal } = options;
    this.#options = options;
    const policy = { minimumAgeMs: config.minimumAgeMs, maxByteCount: config.maxBytes, atLimit: config.atLimit };
    this.#retention = journal.createRetention(policy, Math.min(config.segmentBytes, Math.floor(config.maxBytes / 10)));
  }

  /** Looks at once and then again and again. */
  start(): void {
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.clear();
    await this.#looking;
  }

  /** Does something while nothing is removed: a lane is moved back. */
  async without<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#looking;
    this.#timer?.clear();
    try {
      return await work();
    } finally {
      if (!this.#isStopped) this.start();
    }
  }

  async #look(): Promise<void> {
    try {
      if (this.#retention.isDue(this.#lanePlaces((lane) => lane.durableSequence))) {
        // Only what a lane will never ask for again may go: the checkpoint in memory is ahead of the one on the disk.
        const plan = await this.#retention.run(this.#lanePlaces((lane) => lane.secureCheckpoint()));
        await this.#act(plan);
      }
    } catch (thrown) {
      const error = HeadwaterError.from(thrown);
      this.#options.logger.error('journal.retention_failed', { code: error.code, error: error.message });
    }
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(intervalMs, () => this.start());
  }

  #lanePlaces(sequenceOf: (lane: Lane) => Sequence): readonly RetainingLane[] {
    return this.#options.lanes.map((lane) => ({ name: lane.name, sequence: sequenceOf(lane) }));
  }

  async #act(plan: RetentionPlan): Promise<void> {
    const { capture, config, lanes, logger } = this.#options;
    for (const { lane, firstLost, lastLost } of plan.detachments) {
      const message = `lane "${lane}" was detached: ${firstLost}–${lastLost} are gone`;
      lanes.find(({ name }) => name === lane)?.fail(new HeadwaterError('HW-JOURNAL-014', message));
    }
    const isNear = plan.usedRatio >= nearLimitRatio;
    if (isNear && !this.#wasNear)
      logger.warn('journal.near_limit', { usedRatio: plan.usedRatio, maxBytes: config.maxBytes });
    this.#wasNear = isNear;
    if (plan.mayCapture) {
      capture.release();
      return;
    }
    const holders = plan.blockingLanes.join(', ') || 'the minimum age';
    await capture.hold(
      new HeadwaterError('HW-JOURNAL-013', `the journal has reached ${config.maxBytes} bytes; held by: ${holders}`),
    );
  }
}
