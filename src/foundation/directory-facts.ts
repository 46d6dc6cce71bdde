import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What the operating system says of a directory. */
export interface DirectoryFacts {
  readonly kind: 'directory' | 'other' | 'absent';
  /** Whether this process may write in it; while it is absent, in the nearest directory above that is there. */
  readonly isWritable: boolean;
  /** The bits of user, group and others; 0 while it is absent. */
  readonly mode: number;
  /** What an ordinary user may still write on its file system. */
  readonly freeByteCount: number;
}

/** Looks at a directory. Changes nothing. Throws what the system throws for a path that may not even be looked at. */
export async function readDirectoryFacts(path: string): Promise<DirectoryFacts> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) {
    const parent = dirname(path);
    if (parent === path) return { kind: 'absent', isWritable: false, mode: 0, freeByteCount: 0 };
    return { ...(await readDirectoryFacts(parent)), kind: 'absent', mode: 0 };
  }
  const { bavail, bsize } = await statfs(path);
  const isWritable = await access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const kind = found.isDirectory() ? 'directory' : 'other';
  return { kind, isWritable, mode: found.mode & 0o777, freeByteCount: bavail * bsize };
}
