import type { Clock } from '../../foundation/clock.ts';
import type { Disk } from '../../foundation/disk.ts';
import { isProcessStopped } from '../../postgres/process-identity.ts';
import { type Holder, readHolder } from './holder.ts';
import { journalPaths } from './journal-paths.ts';
import { outliveConnection } from './owner-socket.ts';
import { isHolderRunning } from './lock-refusal.ts';

/** Who holds a journal. */
export interface JournalOwner extends Pick<Holder, 'pid' | 'host' | 'since' | 'epoch'> {
  /** `stopped`: by a signal; it keeps the journal and may be resumed. `unknown`: of another machine, or it has ended. */
  readonly state: 'running' | 'stopped' | 'unknown';
}

/** Where a journal lies, and what it is looked at with. */
export interface JournalPlace {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
}

/** Whoever has no owner to listen to looks again after this time: an owner between its lock and its socket, or the reverse. */
const lookIntervalMs = 100;

/** Whom the holder file names, and whether that process runs; undefined when it names nobody. */
export async function readOwner(
  { directory, disk }: Pick<JournalPlace, 'directory' | 'disk'>,
  ownHost: string,
): Promise<JournalOwner | undefined> {
  const holder = await readHolder(disk, journalPaths(directory).holder);
  if (holder === undefined) return undefined;
  const { pid, host, since, epoch } = holder;
  return { pid, host, since, epoch, state: await stateOf(holder, ownHost) };
}

async function stateOf(holder: Holder, ownHost: string): Promise<JournalOwner['state']> {
  if (holder.host !== ownHost || !(await isHolderRunning(holder))) return 'unknown';
  return (await isProcessStopped(holder.pid)) ? 'stopped' : 'running';
}

/**
 * Resolves when it is worth trying to take the journal. As long as the owner lives, this is one open socket and nothing else:
 * the operating system closes it with the owner, however that ends. Where no owner listens, it resolves a moment later.
 * Rejects with `signal.reason` on cancel. @returns whether an owner was there until now
 */
export async function waitForOwnerEnd({ directory, disk, clock }: JournalPlace, signal: AbortSignal): Promise<boolean> {
  const holder = await readHolder(disk, journalPaths(directory).holder);
  const wasConnected = holder !== undefined && holder.socket !== '' && (await outliveConnection(holder.socket, signal));
  signal.throwIfAborted();
  if (!wasConnected) await clock.sleep(lookIntervalMs, signal);
  return wasConnected;
}
