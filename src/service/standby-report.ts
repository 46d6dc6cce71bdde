import type { JournalOwner } from '../journal/embedded/journal-owner.ts';
import { productVersion } from '../foundation/product-version.ts';

/** Who holds the journal. */
export interface OwnerReport {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** Counts the owners of this journal. */
  readonly epoch: number;
}

/** How this process came to the journal after it had stood by. */
export interface TakeoverReport {
  /** Since when it delivers. */
  readonly at: string;
  /** The owner before; null when its holder file named nobody. */
  readonly from: OwnerReport | null;
  /** Whether that owner was stopped in order; false: it was killed, or crashed. */
  readonly orderly: boolean;
  /**
   * From the moment that the owner began to stop, or ended without a word, until this process streams and its lanes deliver or
   * wait for their sinks.
   */
  readonly pauseMs: number;
}

/** CLI JSON version 1: what `/status` gives in a process that stands by. `docs/reference/cli-json.md`. */
export interface StandbyReport {
  readonly version: 1;
  readonly product: string;
  readonly installation: string;
  readonly state: 'standby';
  readonly startedAt: string;
  readonly now: string;
  /** Null: the journal is held, and nobody says by whom. */
  readonly owner: (OwnerReport & { readonly state: JournalOwner['state'] }) | null;
}

/** What a process that stands by reports. */
export interface StandbyParts {
  readonly installation: string;
  readonly startedAt: Date;
  readonly now: Date;
  readonly owner: JournalOwner | undefined;
}

/** Puts the parts into the form of `/status`. Pure. */
export function buildStandbyReport({ installation, startedAt, now, owner }: StandbyParts): StandbyReport {
  return {
    version: 1,
    product: productVersion,
    installation,
    state: 'standby',
    startedAt: startedAt.toISOString(),
    now: now.toISOString(),
    owner: owner ?? null,
  };
}

/** `process 7 on host-a since …, which is stopped`. Pure. */
export function describeOwner(owner: StandbyReport['owner']): string {
  if (owner === null) return 'a process that nobody names';
  const state = { running: '', stopped: ', which is stopped', unknown: ', which is not seen from here' }[owner.state];
  return `process ${owner.pid} on ${owner.host} since ${owner.since}${state}`;
}
