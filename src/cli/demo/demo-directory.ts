import { chmod, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '../../foundation/clock.ts';
import { systemRandom } from '../../foundation/random.ts';
import { claimDirectory, endOrphanedServer, readDirectoryOwner } from '../../postgres/server-directory.ts';

/** A directory for everything that the demo writes. Disposal removes it. */
export interface DemoDirectory extends AsyncDisposable {
  readonly path: string;
}

/** A directory without an owner is being made right now, or was left behind before it got one. */
const UNOWNED_AGE_MS = 600_000;

/** Makes a new directory under the system's temporary one. What a killed demo left there is removed first. */
export async function openDemoDirectory(): Promise<DemoDirectory> {
  const prefix = `headwater-demo-${process.getuid?.() ?? 0}-`;
  await sweep(prefix);
  const path = join(tmpdir(), `${prefix}${process.pid}-${Buffer.from(systemRandom.bytes(4)).toString('hex')}`);
  await claimDirectory(path);
  // Started by root, PostgreSQL runs as another user and has to pass through to its own directory.
  if (process.getuid?.() === 0) await chmod(path, 0o711);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function sweep(prefix: string): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => sweepDirectory(join(tmpdir(), name))));
}

async function sweepDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined || found.uid !== process.getuid?.()) return;
  if ((await readDirectoryOwner(directory)) === undefined) {
    if (systemClock.now() - found.mtimeMs < UNOWNED_AGE_MS) return;
  } else if (!(await endOrphanedServer(directory))) {
    return;
  }
  await endOrphanedServer(join(directory, 'postgres'));
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
