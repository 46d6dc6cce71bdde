import type { Disk } from '../../foundation/disk.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { isProcessRunning, isProcessStopped } from '../../postgres/process-identity.ts';
import { type Holder, readHolder } from './holder.ts';
import type { JournalPaths } from './journal-paths.ts';

/** Says who holds the journal, as precisely as can be known. @returns HW-JOURNAL-001, -002 or -003 */
export async function lockRefusal(disk: Disk, paths: JournalPaths, host: string): Promise<HeadwaterError> {
  const holder = await readHolder(disk, paths.holder);
  const { directory } = paths;
  if (holder === undefined) {
    return new HeadwaterError('HW-JOURNAL-002', `${directory} is locked, and its holder file names nobody`);
  }
  const details = { pid: holder.pid, host: holder.host, since: holder.since, epoch: holder.epoch };
  const who = `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  // Of a process on another machine nothing more can be found out from here.
  if (holder.host !== host) return new HeadwaterError('HW-JOURNAL-001', `${directory} is held by ${who}`, { details });
  if (!(await isHolderRunning(holder))) {
    return new HeadwaterError('HW-JOURNAL-002', `${directory} is locked, and not by ${who}, which has ended`, {
      details,
    });
  }
  if (await isProcessStopped(holder.pid)) {
    return new HeadwaterError('HW-JOURNAL-003', `${directory} is held by ${who}, which is stopped`, { details });
  }
  return new HeadwaterError('HW-JOURNAL-001', `${directory} is held by ${who}`, { details });
}

/** Whether the very process that wrote the holder file still runs. */
export function isHolderRunning({ pid, started }: Holder): Promise<boolean> {
  return isProcessRunning({ pid, started });
}
