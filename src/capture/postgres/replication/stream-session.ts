import type { Clock, ClockTimer } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { Logger } from '../../../foundation/logger.ts';
import { type Lsn, maxLsn } from '../../../model/lsn.ts';
import type { ChangeRecorder } from '../../change-recorder.ts';
import { decodeErrorResponse, decodeNotice, type StreamNotice } from './error-response.ts';
import {
  flushTransition,
  initialFlushState,
  type FlushEvent,
  type FlushLimits,
  type FlushPressure,
  type FlushState,
} from './flush-core.ts';
import { MessageFramer } from './message-framer.ts';
import { initialReadHabit, isFlood, planNextRead, type ReadHabit } from './read-habit.ts';
import type { ReplicationConnection, ReplicationStream, StreamStart } from './replication-connection.ts';
import { CutStream } from './cut-stream.ts';
import type { StreamCounts } from './stream-counts.ts';
import { StreamRecorder } from './stream-recorder.ts';
import type { StreamPositions } from './stream-core.ts';
import { encodeStandbyStatus, tag } from './wire.ts';

/** Sizes in bytes and times in milliseconds that bound memory, delay and silence of one session. */
export interface StreamLimits extends FlushLimits {
  /** A transaction above this size goes to the recorder in fragments. */
  readonly spillByteCount: number;
  /** Reading pauses while more than this is appended and not durable. */
  readonly pendingByteCountMax: number;
  /** The server is told at least this often, whatever the recorder does. */
  readonly statusIntervalMs: number;
  /** A connection that was silent for longer, although the server was asked to answer, is dead. */
  readonly livenessTimeoutMs: number;
}

/** What one session works with. Connection and recorder are lent. */
export interface StreamSessionOptions {
  readonly connection: ReplicationConnection;
  readonly recorder: ChangeRecorder;
  readonly start: StreamStart;
  readonly limits: StreamLimits;
  /** Tells this session's canaries from those of others. */
  readonly id: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onCanary: (content: Uint8Array) => void;
}

/**
 * One replication connection's stream, from START_REPLICATION to its end: reads, has the recorder take what came, flushes,
 * confirms. Applies what the pure cores decide: what is recorded and confirmed (`stream-core.ts`), when it is flushed
 * (`flush-core.ts`), when reading rests (`read-habit.ts`).
 *
 * Nothing here waits for a sink: statuses go out by a timer that only this class and the socket take part in.
 */
export class StreamSession {
  readonly #options: StreamSessionOptions;
  readonly #timers = new Set<ClockTimer>();
  #stream: ReplicationStream | undefined;
  #recording: StreamRecorder | undefined;
  /** Bytes that came before the slot was checked. */
  #held: Uint8Array[] = [];
  /** The server has given the stream; until the slot was checked nothing more is read. Part of an answer is none. */
  #isAnswered = false;
  #flush: FlushState = initialFlushState;
  #flushing: Promise<void> | undefined;
  #habit: ReadHabit = initialReadHabit;
  #isResting = false;
  #isCrowded = false;
  #isReplyWanted = false;
  /** Somebody waits for it: what is passed is recorded as soon as the server tells of it. */
  #wantedLsn: Lsn | undefined;
  #lastHeardMs: number;
  #cutStream: CutStream | undefined;
  #isEnded = false;
  #isStopping = false;
  #isRecorderBroken = false;
  readonly #end = Promise.withResolvers<HeadwaterError | undefined>();
  readonly #begun = Promise.withResolvers<void>();

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#lastHeardMs = options.clock.monotonicMs();
  }

  get id(): string {
    return this.#options.id;
  }

  /** Undefined before `run`. */
  get positions(): StreamPositions | undefined {
    return this.#recording?.state.positions;
  }

  get counts(): StreamCounts | undefined {
    return this.#recording?.counts;
  }

  /**
   * Asks for the stream and resolves when the server has given it: the slot is then held by this session. Reads on no further.
   * @throws HW-SOURCE codes of the server's refusal, HW-SOURCE-012 while another session holds the slot.
   */
  async open(): Promise<void> {
    this.#stream = this.#options.connection.start(this.#options.start, {
      bytes: (bytes, isFull) => this.#receive(bytes, isFull),
      closed: (error) => this.#finish(error),
    });
    this.#setTimer(this.#options.limits.livenessTimeoutMs, () => this.#checkLiveness());
    this.#stream.resume();
    await this.#begun.promise;
  }

  /**
   * Records the stream from the slot's position until it ends. Resolves with undefined after `stop`, else with what ended it;
   * what was appended by then may still have to be flushed.
   */
  run(slotLsn: Lsn): Promise<HeadwaterError | undefined> {
    const { recorder, limits } = this.#options;
    this.#recording = new StreamRecorder({
      recorder,
      slotLsn,
      spillByteCount: limits.spillByteCount,
      output: {
        sendStatus: (receivedLsn, confirmedLsn) => this.#sendStatus(receivedLsn, confirmedLsn),
        control: (messageTag, bytes) => this.#control(messageTag, bytes),
        canarySeen: this.#options.onCanary,
      },
    });
    this.#cutStream = new CutStream(this.#recording, {
      take: (bytes) => this.#record(bytes, false),
      pause: () => this.#stream?.pause(),
      resume: () => this.#resumeReading(),
      askReply: () => this.#reportStatus(),
    });
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    this.#statusDue();
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) this.#record(bytes, false);
    this.#resumeReading();
    return this.#end.promise;
  }

  /** Flushes what was received, tells the server, and ends. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#isEnded && !this.#isStopping) {
      this.#isStopping = true;
      this.#stream?.pause();
      await this.#flushing;
      if (this.#recording !== undefined && !this.#isEnded) await this.#confirmLast(this.#recording);
    }
    this.#finish(undefined);
  }

  async #confirmLast(recording: StreamRecorder): Promise<void> {
    try {
      recording.statusDue();
      const durable = await this.#options.recorder.flush();
      recording.flushed(durable.recordedLsn);
      recording.statusDue();
    } catch (thrown) {
      this.#finish(HeadwaterError.from(thrown));
    }
  }

  /** Ends without flushing or confirming more, and resolves when no flush of this session is under way. Idempotent. */
  async end(): Promise<void> {
    this.#finish(undefined);
    await this.#flushing;
  }

  /** Ends the session for a reason that lies outside its stream. */
  fail(error: HeadwaterError): void {
    this.#finish(error);
  }

  /** Lets something else be recorded between two transactions, and flushed. False, and not called, inside one. */
  record(append: (recorder: ChangeRecorder) => void): boolean {
    if (this.#isEnded || this.#isStopping || this.#recording?.state.kind !== 'between') return false;
    append(this.#options.recorder);
    this.#stepFlush({ kind: 'appended', ...this.#pressure() });
    return true;
  }

  /** Has what lies before `lsn` recorded as soon as the server tells that it has sent all of ours. */
  requestProgress(lsn: Lsn): void {
    if (this.#isEnded || this.#isStopping || this.#recording === undefined) return;
    this.#wantedLsn = maxLsn(this.#wantedLsn ?? lsn, lsn);
    this.#reportStatus();
  }

  #followProgress({ state }: StreamRecorder): void {
    if (this.#wantedLsn === undefined) return;
    const { appendedLsn, passedLsn } = state.positions;
    if (appendedLsn >= this.#wantedLsn) this.#wantedLsn = undefined;
    else if (state.kind === 'between' && passedLsn > appendedLsn) this.#reportStatus();
  }

  /** Holds the stream where a snapshot's rows belong. Undefined before `run` and after the end. */
  get cutStream(): CutStream | undefined {
    return this.#isEnded || this.#isStopping ? undefined : this.#cutStream;
  }

  #receive(bytes: Uint8Array, isFull: boolean): void {
    if (this.#isEnded) return;
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    if (this.#recording === undefined) this.#awaitAnswer(bytes);
    else if (this.#cutStream?.isHeld === true) this.#cutStream.wait(bytes);
    else this.#record(bytes, isFull);
  }

  /** The answer to START_REPLICATION is CopyBothResponse or an error. What follows it waits until the slot was checked. */
  #awaitAnswer(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#stream?.pause();
    try {
      const framer = new MessageFramer();
      let isAnswered = false;
      for (const piece of this.#held) {
        framer.push(piece, (message, start, end) => {
          if (message[start] === tag.errorResponse) throw this.#streamError(message.subarray(start, end));
          if (message[start] === tag.copyBothResponse) isAnswered = true;
        });
      }
      this.#isAnswered = isAnswered;
      if (isAnswered) this.#begun.resolve();
      else this.#stream?.resume();
    } catch (thrown) {
      this.#finish(HeadwaterError.from(thrown));
    }
  }

  #record(bytes: Uint8Array, isFull: boolean): void {
    if (this.#isEnded || this.#recording === undefined) return;
    const { clock, limits, recorder } = this.#options;
    try {
      const hasAppended = this.#recording.receive(bytes);
      this.#cutStream?.noteTaken();
      const nowMs = clock.monotonicMs();
      this.#isCrowded = recorder.pendingByteCount > limits.pendingByteCountMax;
      this.#planReading(nowMs, bytes.length, isFull);
      if (hasAppended) this.#stepFlush({ kind: 'appended', ...this.#pressure() });
      this.#followProgress(this.#recording);
    } catch (thrown) {
      this.#finish(HeadwaterError.from(thrown));
    }
  }

  #planReading(nowMs: number, byteCount: number, isFull: boolean): void {
    const plan = planNextRead(this.#habit, { nowMs, byteCount, isFull });
    this.#habit = plan.habit;
    if (plan.pauseMs > 0 && !this.#isResting) {
      this.#isResting = true;
      this.#setTimer(plan.pauseMs, () => {
        this.#isResting = false;
        this.#resumeReading();
      });
    }
    if (this.#isResting || this.#isCrowded) this.#stream?.pause();
  }

  #resumeReading(): void {
    if (this.#isEnded || this.#isStopping || this.#isResting || this.#isCrowded) return;
    if (this.#cutStream?.needsNothing === true) return;
    this.#stream?.resume();
  }

  /** What decides how soon a flush is due. */
  #pressure(): FlushPressure {
    const { clock, recorder } = this.#options;
    return {
      nowMs: clock.monotonicMs(),
      pendingByteCount: recorder.pendingByteCount,
      isFlood: isFlood(this.#habit),
    };
  }

  #stepFlush(event: FlushEvent): void {
    const { state, effect } = flushTransition(this.#flush, event, this.#options.limits);
    this.#flush = state;
    if (effect === undefined) return;
    if (effect.kind === 'flush') {
      this.#flushing = this.#runFlush();
      return;
    }
    this.#setTimer(effect.delayMs, () => {
      if (!this.#isStopping) this.#stepFlush({ kind: 'due', nowMs: this.#options.clock.monotonicMs() });
    });
  }

  async #runFlush(): Promise<void> {
    const { clock, limits, recorder } = this.#options;
    try {
      const durable = await recorder.flush();
      this.#recording?.flushed(durable.recordedLsn);
    } catch (thrown) {
      this.#isRecorderBroken = true;
      this.#finish(HeadwaterError.from(thrown));
      return;
    }
    this.#flushing = undefined;
    if (this.#isEnded || this.#isStopping) return;
    this.#stepFlush({ kind: 'ended', ...this.#pressure() });
    if (this.#isCrowded && recorder.pendingByteCount <= limits.pendingByteCountMax) {
      this.#isCrowded = false;
      this.#lastHeardMs = clock.monotonicMs();
      this.#resumeReading();
    }
  }

  #statusDue(): void {
    if (this.#isEnded || this.#isStopping || this.#recording === undefined) return;
    this.#reportStatus();
    this.#setTimer(this.#options.limits.statusIntervalMs, () => this.#statusDue());
  }

  #reportStatus(): void {
    if (this.#recording === undefined) return;
    this.#isReplyWanted = true;
    const hasAppended = this.#recording.statusDue();
    this.#isReplyWanted = false;
    if (hasAppended) this.#stepFlush({ kind: 'appended', ...this.#pressure() });
  }

  #sendStatus(receivedLsn: Lsn, confirmedLsn: Lsn): void {
    const nowMicros = BigInt(Math.floor(this.#options.clock.now())) * 1000n;
    this.#stream?.send(
      encodeStandbyStatus({ receivedLsn, confirmedLsn, nowMicros, isReplyRequested: this.#isReplyWanted }),
    );
  }

  #control(messageTag: number, bytes: Uint8Array): void {
    switch (messageTag) {
      case tag.errorResponse:
        throw this.#streamError(bytes);
      case tag.copyDone:
      case tag.commandComplete:
        throw new HeadwaterError('HW-SOURCE-023', 'the server ended the replication stream');
      case tag.noticeResponse:
        this.#hear(decodeNotice(bytes));
        return;
      case tag.copyBothResponse:
      case tag.parameterStatus:
      case tag.notification:
        return;
      default:
        throw new HeadwaterError('HW-CAPTURE-001', `a message of kind ${messageTag} inside the replication stream`);
    }
  }

  /** Nothing that came behind a skipped publication is confirmed: it is not the whole. */
  #hear({ isSkippedPublication, text }: StreamNotice): void {
    this.#options.logger.warn('source notice', { notice: text });
    if (!isSkippedPublication) return;
    const { slotName } = this.#options.start;
    throw new HeadwaterError('HW-SOURCE-031', `PostgreSQL reads slot "${slotName}" without a publication: ${text}`);
  }

  #streamError(bytes: Uint8Array): HeadwaterError {
    return decodeErrorResponse(bytes, `the replication stream of slot "${this.#options.start.slotName}"`);
  }

  /** Behind its own pauses nothing can be heard, so they do not count. */
  #checkLiveness(): void {
    if (this.#isEnded) return;
    const { clock, limits } = this.#options;
    const isReading =
      !this.#isCrowded &&
      this.#cutStream?.needsNothing !== true &&
      (this.#recording !== undefined || !this.#isAnswered);
    const silentMs = isReading ? clock.monotonicMs() - this.#lastHeardMs : 0;
    if (silentMs >= limits.livenessTimeoutMs) {
      this.#finish(new HeadwaterError('HW-SOURCE-029', `nothing came from the server for ${Math.round(silentMs)} ms`));
      return;
    }
    this.#setTimer(limits.livenessTimeoutMs - silentMs, () => this.#checkLiveness());
  }

  #finish(error: HeadwaterError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const timer of this.#timers) timer.clear();
    this.#timers.clear();
    // A recorder whose flush failed takes nothing more; its open transactions are gone with it.
    if (!this.#isRecorderBroken) this.#recording?.abandon();
    this.#begun.promise.catch(() => undefined);
    this.#begun.reject(error ?? new HeadwaterError('HW-INTERNAL-003', 'the stream was stopped before it began'));
    this.#cutStream?.end();
    this.#end.resolve(error);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    const timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
  }
}
