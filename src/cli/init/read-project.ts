import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';

import { HeadwaterError } from '../../foundation/error.ts';
import { readTextFile } from '../new-files.ts';
import { lockfileNames, type ProjectFiles } from './detect-project.ts';

/** A project as it lies on the disk. */
export interface ReadProject {
  readonly files: ProjectFiles;
  /** `.gitignore` of the directory; undefined: none. */
  readonly gitignore: string | undefined;
  /** DATABASE_URL of `.env`; undefined: none. */
  readonly databaseUrl: string | undefined;
}

/**
 * Reads what tells the nature of a project, and runs none of it. Lockfiles and `packageManager` are looked for in the
 * directories above too, up to the root of the repository, because a workspace has them there.
 * @throws HW-SETUP-004 for a package.json that is no JSON, HW-SETUP-005 for what may not be read
 */
export async function readProject(directory: string): Promise<ReadProject> {
  const names = await listNames(directory);
  const packageJson = await readPackageJson(directory);
  const above = await readAbove(directory);
  const env = await readTextFile(join(directory, '.env'));
  return {
    files: { packageJson, names, ...above },
    gitignore: await readTextFile(join(directory, '.gitignore')),
    databaseUrl: env === undefined ? undefined : parseEnv(env)['DATABASE_URL'],
  };
}

async function readAbove(directory: string): Promise<Pick<ProjectFiles, 'packageManagerField' | 'lockfiles'>> {
  const lockfiles: string[] = [];
  let packageManagerField: string | undefined;
  for (const place of placesUpFrom(directory)) {
    const names = await listNames(place);
    lockfiles.push(...lockfileNames.filter((name) => names.includes(name)));
    packageManagerField ??= fieldText(await readPackageJson(place).catch(() => undefined), 'packageManager');
    if (names.includes('.git') || names.includes('pnpm-workspace.yaml')) break;
  }
  return { lockfiles, packageManagerField };
}

function placesUpFrom(directory: string): readonly string[] {
  const parent = dirname(directory);
  return parent === directory ? [directory] : [directory, ...placesUpFrom(parent)];
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}

async function readPackageJson(directory: string): Promise<unknown> {
  const path = join(directory, 'package.json');
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (cause) {
    throw new HeadwaterError('HW-SETUP-004', `${path} is no JSON: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
}

function fieldText(value: unknown, name: string): string | undefined {
  const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof field === 'string' ? field : undefined;
}
