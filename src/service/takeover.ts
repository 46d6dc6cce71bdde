import { type Instant, toInstant } from '../foundation/clock.ts';
import type { StateStore } from '../journal/state-store.ts';
import type { AwaitedJournal } from './standby.ts';
import type { OwnerReport, TakeoverReport } from './standby-report.ts';

/** What is known when a process that stood by delivers. */
export interface TakeoverFacts {
  readonly before: Exclude<AwaitedJournal['before'], undefined>;
  /** When the owner before began to stop; undefined: it ended without a word. */
  readonly stoppingSince: Instant | undefined;
  readonly now: Instant;
}

const kind = 'service';
const name = 'stopping';

/** Leaves for the next owner when this one began to stop. Durable when it returns. @throws HW-JOURNAL-007, HW-JOURNAL-008 */
export function markStop(states: StateStore, now: Instant): void {
  states.write(kind, name, String(now));
}

/** When the owner before began to stop; undefined: it ended without a word. Told once. @throws as `markStop` */
export function takeStopMark(states: StateStore): Instant | undefined {
  const text = states.read(kind, name);
  if (text === undefined) return undefined;
  states.remove(kind, name);
  return /^\d{1,15}$/.test(text) ? toInstant(Number(text)) : undefined;
}

/** How this process came to the journal, with the pause that it meant. Pure. */
export function describeTakeover({ before, stoppingSince, now }: TakeoverFacts): TakeoverReport {
  const { endedAt, owner } = before;
  return {
    at: new Date(now).toISOString(),
    from: owner === undefined ? null : toOwnerReport(owner),
    orderly: stoppingSince !== undefined,
    // Wall-clock time of two processes of one host; it may have been set meanwhile.
    pauseMs: Math.max(0, now - (stoppingSince ?? endedAt)),
  };
}

function toOwnerReport({ pid, host, since, epoch }: OwnerReport): OwnerReport {
  return { pid, host, since, epoch };
}
