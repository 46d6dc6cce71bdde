import { z } from 'zod';

import type { Disk } from '../../foundation/disk.ts';
import { readSmallFile, replaceFile } from './replace-file.ts';

/** Who holds a journal: what `holder.json` says. `started` tells a process from a later one with the same id. */
export interface Holder {
  readonly version: 1;
  readonly pid: number;
  readonly started: string;
  readonly host: string;
  readonly since: string;
  readonly journalId: string;
  readonly epoch: number;
  /** Path of the owner's local socket. */
  readonly socket: string;
}

const holderSchema: z.ZodType<Holder> = z.strictObject({
  version: z.literal(1),
  pid: z.int(),
  started: z.string(),
  host: z.string(),
  since: z.string(),
  journalId: z.string(),
  epoch: z.int(),
  socket: z.string(),
});

/** Undefined when there is none, or none that can be read: it is for people and refusals, the lock is what counts. */
export async function readHolder(disk: Disk, path: string): Promise<Holder | undefined> {
  const bytes = await readSmallFile(disk, path);
  if (bytes === undefined) return undefined;
  try {
    return holderSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Puts the name of the holder in place, as one step. */
export async function writeHolder(disk: Disk, path: string, holder: Holder): Promise<void> {
  await replaceFile(disk, path, [Buffer.from(`${JSON.stringify(holder, undefined, 2)}\n`)]);
}
