import { type CutVerdict, CutGate, type SnapshotCut } from '../snapshot/snapshot-cut.ts';
import { MessageFramer } from './message-framer.ts';
import type { StreamRecorder } from './stream-recorder.ts';
import { readBegin } from './transaction-gate.ts';
import { copyHeaderLength, decodeKeepalive, tag } from './wire.ts';

/** What a session does for the search. */
export interface CutStreamSession {
  /** Has the recorder take bytes. */
  readonly take: (bytes: Uint8Array) => void;
  readonly pause: () => void;
  /** Reads on, if nothing else stands against it. */
  readonly resume: () => void;
  /** Asks the server for an answer, which tells how far an idle stream has come. */
  readonly askReply: () => void;
}

const emptyBytes = new Uint8Array(0);
/** What may wait in memory while the place of a snapshot is searched for. */
const waitingByteCountMax = 33_554_432;

/**
 * Brings a stream to the place of a snapshot and holds it there: the transaction behind the place, and all that comes after it,
 * waits in memory or is not read. Decides nothing: `CutGate` does.
 */
export class CutStream {
  readonly #recorder: StreamRecorder;
  readonly #session: CutStreamSession;
  #gate: CutGate | undefined;
  #verdict: PromiseWithResolvers<CutVerdict | undefined> | undefined;
  #waiting: Uint8Array[] = [];
  #waitingByteCount = 0;
  /** Looks at what waits. */
  #scout: MessageFramer | undefined;
  #isEnded = false;

  constructor(recorder: StreamRecorder, session: CutStreamSession) {
    this.#recorder = recorder;
    this.#session = session;
  }

  /** A transaction waits; what comes is to wait behind it. */
  get isHeld(): boolean {
    return this.#recorder.held !== undefined;
  }

  /** Nothing more need be read before the gate is opened. */
  get needsNothing(): boolean {
    const isLooking = this.#verdict !== undefined && this.#gate?.verdict === undefined;
    return this.isHeld && !isLooking;
  }

  /** Holds the stream in front of its next transaction, until `openGate`. Nothing is lost. */
  closeGate(): void {
    this.#gate = new CutGate();
    this.#recorder.gate = this.#gate;
  }

  /**
   * Lets the stream go on to the place of a snapshot. Resolves when it is there, or will not get there; with `fit` it is held
   * there. Undefined: the gate was opened, or the stream ended.
   */
  async reach(cut: SnapshotCut): Promise<CutVerdict | undefined> {
    if (this.#gate === undefined || this.#isEnded) return undefined;
    this.#gate.open(cut, this.#recorder.recentXids);
    const verdict = Promise.withResolvers<CutVerdict | undefined>();
    this.#verdict = verdict;
    this.#takeWaiting();
    this.#session.askReply();
    this.#settle();
    return await verdict.promise;
  }

  /** Lets all pass again. Idempotent. */
  openGate(): void {
    this.#gate = undefined;
    this.#verdict?.resolve(undefined);
    this.#verdict = undefined;
    this.#recorder.gate = undefined;
    if (!this.#isEnded) this.#takeWaiting();
  }

  /** Takes what came behind a held transaction: looked at as long as the place is searched for, and taken later. */
  wait(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingByteCount += bytes.length;
    this.#look(bytes);
    if (this.#waitingByteCount > waitingByteCountMax) this.#verdict?.resolve('unfit');
    if (this.needsNothing || this.#waitingByteCount > waitingByteCountMax) this.#session.pause();
  }

  /** The recorder has taken bytes, up to a transaction that is held if there is one. */
  noteTaken(): void {
    if (this.#gate === undefined) return;
    const { held } = this.#recorder;
    if (held !== undefined && this.#scout === undefined) {
      this.#scout = new MessageFramer();
      this.#look(held);
      if (this.needsNothing) this.#session.pause();
    }
    this.#settle();
  }

  end(): void {
    this.#isEnded = true;
    this.#waiting = [];
    this.#verdict?.resolve(undefined);
  }

  #look(bytes: Uint8Array): void {
    this.#scout?.push(bytes, (message, start, end) => {
      const begin = readBegin(message, start, end);
      if (begin !== undefined) this.#gate?.look(begin);
      if (message[start] !== tag.copyData || message[start + copyHeaderLength] !== tag.keepalive) return;
      const keepalive = decodeKeepalive(message, start, end);
      if (keepalive !== undefined) this.#gate?.passed(keepalive.walEnd);
    });
    this.#settle();
  }

  #settle(): void {
    const verdict = this.#gate?.verdict;
    if (verdict !== undefined) this.#verdict?.resolve(verdict);
  }

  /** What waited goes its way, as far as the gate lets it. */
  #takeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingByteCount = 0;
    this.#scout = undefined;
    // What was held comes first; an empty piece makes the recorder ask for it again.
    this.#session.take(emptyBytes);
    for (const bytes of waiting) {
      if (this.isHeld) this.wait(bytes);
      else this.#session.take(bytes);
    }
    this.#session.resume();
  }
}
