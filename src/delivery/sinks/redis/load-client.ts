import { HeadwaterError } from '../../../foundation/error.ts';

/** What the package offers; only its types are needed before a Redis lane opens. */
export type RedisClientPackage = typeof import('@redis/client');

/**
 * Loads the optional package on first use, so that installations without a Redis lane need not have it. The package `redis`
 * brings it along.
 * @throws HW-SINK-011 when it is not installed.
 */
export async function loadRedisClient(): Promise<RedisClientPackage> {
  try {
    return await import('@redis/client');
  } catch (thrown) {
    if (!isMissingPackage(thrown)) throw thrown;
    throw new HeadwaterError('HW-SINK-011', 'the package @redis/client was not found', {
      cause: thrown,
      hint: 'Run `npm install @redis/client@^6.3.1` in the application.',
    });
  }
}

function isMissingPackage(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    'code' in thrown &&
    thrown.code === 'ERR_MODULE_NOT_FOUND' &&
    thrown.message.includes('@redis/client')
  );
}
