import type { HeadwaterError } from '../foundation/error.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { DecodedPart } from './decoded-part.ts';
import { countPart, type DeliveryOptions } from './delivery.ts';
import type { TailCursor } from './journal-tail.ts';
import { ReadRecovery } from './read-recovery.ts';

/** A part that a delivery has begun: `offset` counts the records that it has taken, in the delivery's hand. */
export interface OpenPart {
  readonly part: DecodedPart;
  offset: number;
}

/** What a delivery decides about taking. */
export interface IntakeDecisions {
  /** Whether the next part may be begun. */
  readonly hasRoom: () => boolean;
  /** Takes records from the offset on and moves it. Returns whether the part is at its end. */
  readonly take: (open: OpenPart) => boolean;
}

/**
 * A delivery's side of the journal's tail: hands out one part after the other, keeps the one that did not fit whole, and goes
 * to the tail anew after a rewind or after a read that failed for a reason that waiting mends.
 */
export class PartIntake {
  readonly #options: DeliveryOptions;
  readonly #recovery: ReadRecovery;
  #cursor: TailCursor;
  #open: OpenPart | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#recovery = new ReadRecovery(options);
    this.#cursor = options.tail.open(options.from);
  }

  /** Whether a part was begun and did not fit. */
  get hasOpenPart(): boolean {
    return this.#open !== undefined;
  }

  /** Whether the journal is to be read again later, after a failure. Nothing is taken until then. */
  get isWaiting(): boolean {
    return this.#recovery.isWaiting;
  }

  /** Takes while there is room. Returns whether the tail had no more to give. @throws what reading the journal throws */
  takeParts({ hasRoom, take }: IntakeDecisions): boolean {
    for (;;) {
      if (this.#open === undefined) {
        if (!hasRoom()) return false;
        const part = this.#cursor.take();
        if (part === undefined) return true;
        this.#recovery.recover();
        countPart(this.#options.counts, part);
        this.#open = { part, offset: 0 };
      }
      if (!take(this.#open)) return false;
      this.#open = undefined;
    }
  }

  /** Calls back once when the tail has more. */
  onReady(listener: () => void): void {
    this.#cursor.onReady(listener);
  }

  /** Goes on from another place; what was begun is forgotten. */
  rewind(place: Checkpoint): void {
    this.#open = undefined;
    this.#cursor.close();
    this.#cursor = this.#options.tail.open(place);
  }

  /**
   * Goes on behind what was taken, after a delay, because reading failed. `taken` is asked when the delay is over. Returns the
   * error instead when waiting does not help.
   */
  recover(error: HeadwaterError, taken: () => Checkpoint, resume: () => void): HeadwaterError | undefined {
    return this.#recovery.plan(error, () => {
      this.rewind(taken());
      resume();
    });
  }

  /** Takes nothing any more. Idempotent. */
  close(): void {
    this.#cursor.close();
    this.#recovery.clear();
  }
}

/** Waits for work under way; aborting `giveUp` meanwhile aborts what the work was given. */
export async function awaitOrAbort(
  work: Promise<unknown>,
  workAbort: AbortController,
  giveUp: AbortSignal,
): Promise<void> {
  const abort = (): void => workAbort.abort(giveUp.reason);
  giveUp.addEventListener('abort', abort, { once: true });
  if (giveUp.aborted) abort();
  await work;
  giveUp.removeEventListener('abort', abort);
}
