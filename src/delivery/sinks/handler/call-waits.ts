import type { Clock, ClockTimer } from '../../../foundation/clock.ts';
import type { CallOutcome, HandlerCall } from './handler-call.ts';

/** How long somebody waits for a call. */
interface Patience {
  readonly signal: AbortSignal;
  /** Makes what the wait rejects with when its time is over. */
  readonly late: () => unknown;
}

interface Wait extends Patience {
  readonly call: HandlerCall;
  readonly deadlineMs: number;
  /** Where it stands in the list. */
  index: number;
  giveUp(reason: unknown): void;
}

/** What waits are bounded by. */
export interface CallWaitsOptions {
  readonly clock: Clock;
  /** The same for every call. */
  readonly timeoutMs: number;
}

/**
 * Those who wait for calls that have not ended. One timer and one listener stand for all of them, and a list holds them:
 * of its own, each record's would cost more than the record, and the listeners of a signal, as the tables of a set, refer to
 * those that came later, so that the engine's collector takes what is long gone for alive.
 */
export class CallWaits {
  readonly #options: CallWaitsOptions;
  /** As many as calls are under way, in no order. */
  readonly #waits: Wait[] = [];
  readonly #listeners = new Map<AbortSignal, () => void>();
  #timer: ClockTimer | undefined;

  constructor(options: CallWaitsOptions) {
    this.#options = options;
  }

  /**
   * Resolves with how the call ended. Rejects with what `late` makes when its time is over, and with `signal.reason` on cancel;
   * the call goes on then, with its own signal aborted for the same reason.
   */
  until(call: HandlerCall, patience: Patience): Promise<CallOutcome> {
    const { clock, timeoutMs } = this.#options;
    const { signal } = patience;
    this.#listenTo(signal);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(wait);
        call.onEnd(undefined);
      };
      const giveUp = (reason: unknown): void => {
        leave();
        call.abort(reason);
        reject(reason);
      };
      const wait: Wait = {
        ...patience,
        call,
        deadlineMs: clock.monotonicMs() + timeoutMs,
        index: this.#waits.length,
        giveUp,
      };
      call.onEnd((outcome) => {
        leave();
        resolve(outcome);
      });
      this.#waits.push(wait);
      this.#timer ??= clock.setTimer(timeoutMs, () => this.#endLate());
      if (signal.aborted) giveUp(signal.reason);
    });
  }

  /** Tells the calls that are waited for that it is over, and lets go of the timer and the signals. */
  close(reason: unknown): void {
    for (const { call } of this.#waits) call.abort(reason);
    this.#timer?.clear();
    this.#timer = undefined;
    this.#forgetSignals();
  }

  #listenTo(signal: AbortSignal): void {
    if (this.#listeners.has(signal)) return;
    if (this.#waits.length === 0) this.#forgetSignals();
    const listener = (): void => {
      for (const wait of this.#waits.filter((one) => one.signal === signal)) wait.giveUp(signal.reason);
    };
    this.#listeners.set(signal, listener);
    signal.addEventListener('abort', listener, { once: true });
  }

  #forgetSignals(): void {
    for (const [signal, listener] of this.#listeners) signal.removeEventListener('abort', listener);
    this.#listeners.clear();
  }

  #remove(wait: Wait): void {
    const last = this.#waits.pop();
    if (last === undefined || last === wait) return;
    this.#waits[wait.index] = last;
    last.index = wait.index;
  }

  /** The timer was set for a wait that may be over by now; the next one is for the wait that ends first. */
  #endLate(): void {
    this.#timer = undefined;
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const wait of this.#waits.filter(({ deadlineMs }) => deadlineMs <= nowMs)) wait.giveUp(wait.late());
    const firstMs = Math.min(...this.#waits.map(({ deadlineMs }) => deadlineMs));
    if (firstMs !== Infinity) this.#timer = clock.setTimer(firstMs - nowMs, () => this.#endLate());
  }
}
