/** How hard a copy works. */
export interface CopyPace {
  /** How long the rows of a chunk may take to be read. */
  readonly chunkTargetMs: number;
  /** How long the copy rests behind a round, in times of what the round took. */
  readonly restFactor: number;
}

/** Nobody else writes: as fast as it goes. The stream is held while a chunk is read, so a chunk is short all the same. */
export const fullPace: CopyPace = { chunkTargetMs: 150, restFactor: 0 };

/**
 * Others commit, and their commits share processors and disk with the copy: short bursts with rests between them, so that
 * few commits meet a burst and none waits for long.
 */
export const sharedPace: CopyPace = { chunkTargetMs: 10, restFactor: 9 };

/** A round that took long waited for something else: that is no reason to rest long. */
const restMsMax = 500;

/**
 * How long the copy rests behind a round. Not at all while moved rows wait to be read again: they may be moved faster than a copy
 * that rests reads them, and it would never end. Pure.
 */
export function planRestMs(round: { readonly durationMs: number; readonly isBehind: boolean }, pace: CopyPace): number {
  return round.isBehind ? 0 : Math.min(round.durationMs * pace.restFactor, restMsMax);
}

/** Transactions of others in a second from which on the copy makes room for them. */
const busyTransactionsPerSecond = 20;
/** A round writes one mark itself. */
const ownTransactions = 1n;
/** Rounds follow each other closely: over less time, a few commits would look like many. */
const windowMs = 100;

/** Tells from the ids that snapshots see how much others write. Ids are given to writers only, whatever they write to. */
export class PaceKeeper {
  #pace: CopyPace = sharedPace;
  #begin: { readonly atMs: number; readonly xid: bigint } | undefined;
  #roundCount = 0n;

  /** Until it is known that nobody else writes, somebody does. */
  get pace(): CopyPace {
    return this.#pace;
  }

  /** A round took a snapshot whose next transaction id is `xid`. */
  note(xid: bigint, atMs: number): void {
    const begin = this.#begin;
    this.#roundCount += ownTransactions;
    if (begin !== undefined && atMs - begin.atMs < windowMs) return;
    if (begin !== undefined) {
      const others = Number(xid - begin.xid - this.#roundCount);
      const perSecond = (others * 1000) / (atMs - begin.atMs);
      this.#pace = perSecond >= busyTransactionsPerSecond ? sharedPace : fullPace;
    }
    this.#begin = { atMs, xid };
    this.#roundCount = 0n;
  }
}
