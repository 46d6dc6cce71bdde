import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVER_ENVIRONMENT } from './embedded-cluster.ts';
import type { ServerUser } from './guarded-process.ts';

/** What a running server says about itself in its data directory. */
export interface PostmasterLock {
  readonly pid: number;
  /** Whether it accepts connections. */
  readonly isReady: boolean;
  readonly sharedMemoryId: string | undefined;
}

/**
 * Reads `postmaster.pid`: pid, data directory, start time, port, socket directory, listen address, shared memory key and id,
 * status. The last line appears late and is `ready` once connections are accepted. A file half written is not ready.
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h
 */
export function parsePostmasterLock(text: string): PostmasterLock {
  const lines = text.split('\n');
  return {
    pid: Number.parseInt(lines[0] ?? '', 10),
    isReady: lines[7]?.trim() === 'ready',
    sharedMemoryId: /^\s*\d+\s+(\d+)/.exec(lines[6] ?? '')?.[1],
  };
}

/**
 * A killed server leaves one small System V segment behind, and the system has room for a few thousand. It is removed where
 * there is the program `ipcrm`; the next start on the same data would do it otherwise.
 */
export async function removeSharedMemory(dataDirectory: string, user?: ServerUser): Promise<void> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const { sharedMemoryId } = parsePostmasterLock(text);
  if (sharedMemoryId === undefined) return;
  await new Promise<void>((done) => {
    execFile('ipcrm', ['-m', sharedMemoryId], { env: SERVER_ENVIRONMENT, cwd: '/', ...user }, () => done());
  });
}
