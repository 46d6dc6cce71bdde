import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/foundation/clock.ts';
import { HeadwaterError } from '../../src/foundation/error.ts';
import { claimDirectory } from '../../src/postgres/server-directory.ts';

/** Beside the installed packages, so that it goes away with them; where these cannot be written, the user's own cache. */
export async function openCacheDirectory(): Promise<string> {
  const candidates = [
    join(import.meta.dirname, '../../node_modules/.cache'),
    process.env['XDG_CACHE_HOME'],
    join(homedir(), '.cache'),
  ];
  const refusals: string[] = [];
  for (const candidate of candidates) {
    if (candidate === undefined || candidate === '') continue;
    const directory = join(candidate, 'headwater');
    try {
      await mkdir(directory, { recursive: true, mode: 0o755 });
      await access(directory, constants.W_OK);
      return directory;
    } catch (error) {
      refusals.push(String(error));
    }
  }
  throw new Error(`no cache directory can be written: ${refusals.join('; ')}`);
}

/** Does finite work that must not be done twice at once, by any process of this machine; the others wait. */
export async function withPreparationLock(path: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      const claim = await claimDirectory(`${path}.lock`);
      try {
        return await work();
      } finally {
        await claim.release();
      }
    } catch (error) {
      if (!(error instanceof HeadwaterError) || error.code !== 'HW-EMBEDDED-006') throw error;
      await systemClock.sleep(100);
    }
  }
}
