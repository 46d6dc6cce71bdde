import { readFile } from 'node:fs/promises';

import { HeadwaterError } from '../foundation/error.ts';
import type { SecretSource } from './config-types.ts';

/** Resolves a secret. Never logged, never part of an error. @throws HW-CONFIG-005 */
export async function readSecret(source: SecretSource, path: string): Promise<string> {
  try {
    const text = await readFrom(source);
    if (typeof text === 'string' && text.length > 0) return text;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw new HeadwaterError('HW-CONFIG-005', `the secret at ${path} could not be read (${code})`);
  }
  throw new HeadwaterError('HW-CONFIG-005', `the secret at ${path} is empty`);
}

async function readFrom(source: SecretSource): Promise<string> {
  if (typeof source === 'string') return source;
  if (typeof source === 'function') return source();
  const text = await readFile(source.file, 'utf8');
  return text.split('\n', 1)[0]?.trim() ?? '';
}
