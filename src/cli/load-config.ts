import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { HeadwaterError } from '../foundation/error.ts';
import { resolveConfig } from '../service/config.ts';
import type { ResolvedConfig } from '../service/config-types.ts';
import { interpolateEnvironment } from '../service/interpolation.ts';

/** Names of the configuration that the command finds by itself, in this order. */
export const configNames = [
  'headwater.config.ts',
  'headwater.config.mts',
  'headwater.config.js',
  'headwater.config.mjs',
] as const;

/**
 * Loads and checks the configuration file: the named one, or the first of the usual names in the working directory.
 * `${NAME}` in its texts is taken from the environment.
 * @throws HW-CONFIG-001 faults, -002 no file, -003 does not load, -004 variable not set
 */
export async function loadConfig(
  name: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ResolvedConfig> {
  const path = await findConfig(name);
  const loaded = await importConfig(path);
  return resolveConfig(interpolateEnvironment(loaded, environment));
}

async function findConfig(name: string | undefined): Promise<string> {
  for (const candidate of name === undefined ? configNames : [name]) {
    const path = resolve(candidate);
    if (await exists(path)) return path;
  }
  throw new HeadwaterError(
    'HW-CONFIG-002',
    name === undefined ? `no headwater.config.ts in ${process.cwd()}` : `no file ${resolve(name)}`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

async function importConfig(path: string): Promise<unknown> {
  let module: { readonly default?: unknown };
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a module is an object; its default is checked below.
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (cause) {
    if (cause instanceof HeadwaterError) throw cause;
    throw new HeadwaterError('HW-CONFIG-003', `${path} does not load: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
  if (module.default === undefined) throw new HeadwaterError('HW-CONFIG-003', `${path} has no default export`);
  return module.default;
}
