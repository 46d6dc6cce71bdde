import { createServer } from 'node:net';
import { HeadwaterError } from '../foundation/error.ts';
import { type Random, systemRandom } from '../foundation/random.ts';

/*
 * Below the ranges that Linux (32768 up) and macOS (49152 up) give to outgoing connections: a server that is restarted on
 * its port must not find a stranger's connection there.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;
const ATTEMPT_COUNT_MAX = 50;

/**
 * Finds a port on 127.0.0.1 that nobody listens on now. It is not reserved: who binds it must be ready to try another.
 * @throws HW-EMBEDDED-009 when none was free in 50 attempts
 */
export async function findLoopbackPort(random: Random = systemRandom): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt += 1) {
    const port = LOWEST_PORT + Math.floor(random.next() * (HIGHEST_PORT - LOWEST_PORT));
    if (await isPortFree(port)) return port;
  }
  throw new HeadwaterError('HW-EMBEDDED-009', `no free port on 127.0.0.1 in ${ATTEMPT_COUNT_MAX} attempts`);
}

/** Whether nobody listens on a port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
