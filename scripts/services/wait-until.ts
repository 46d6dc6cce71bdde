import { systemClock } from '../../src/foundation/clock.ts';

const POLL_MS = 20;

/** Waits until a condition holds. @throws when it does not within the time (default 20 s), naming what was awaited. */
export async function waitUntil(
  awaited: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number = 20_000,
): Promise<void> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > deadline) throw new Error(`not within ${timeoutMs} ms: ${awaited}`);
    await systemClock.sleep(POLL_MS);
  }
}
