import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { HeadwaterError } from '../foundation/error.ts';

/** A file that a command wants to be there. */
export interface PlannedFile {
  /** Relative to the directory it is planned for. */
  readonly path: string;
  readonly content: string;
  /** `never` (default): a file that is there stays as it is. `rewritten`: its content was planned from what was there. */
  readonly replace?: 'never' | 'rewritten';
}

/** What became, or would become, of a planned file. `kept`: another content is there, and stays. */
export interface FileOutcome {
  readonly path: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'kept';
}

/**
 * Writes planned files below a directory. What is there is never overwritten, unless it was planned as rewritten. With
 * `dry-run` nothing is written and the outcome is the one that there would be.
 * @throws HW-SETUP-005
 */
export async function writeNewFiles(
  directory: string,
  files: readonly PlannedFile[],
  mode: 'write' | 'dry-run',
): Promise<readonly FileOutcome[]> {
  const outcomes: FileOutcome[] = [];
  for (const file of files) outcomes.push({ path: file.path, action: await writeOne(directory, file, mode) });
  return outcomes;
}

/** The text of a file, or undefined where there is none. @throws HW-SETUP-005 when something there cannot be read */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new HeadwaterError('HW-SETUP-005', `${path} cannot be read (${String(code)})`, { cause });
  }
}

async function writeOne(
  directory: string,
  { path, content, replace = 'never' }: PlannedFile,
  mode: 'write' | 'dry-run',
): Promise<FileOutcome['action']> {
  const place = join(directory, path);
  const found = await readTextFile(place);
  if (found === content) return 'unchanged';
  if (found !== undefined && replace === 'never') return 'kept';
  const action = found === undefined ? 'created' : 'updated';
  if (mode === 'dry-run') return action;
  try {
    await mkdir(dirname(place), { recursive: true });
    if (found === undefined) await writeFile(place, content, { flag: 'wx' });
    else await replaceText(place, content);
  } catch (cause) {
    throw new HeadwaterError(
      'HW-SETUP-005',
      `${place} cannot be written: ${cause instanceof Error ? cause.message : ''}`,
      {
        cause,
      },
    );
  }
  return action;
}

/** Whole or not at all: a reader sees the old text or the new one. */
async function replaceText(place: string, content: string): Promise<void> {
  await writeFile(`${place}.new`, content);
  await rename(`${place}.new`, place);
}
