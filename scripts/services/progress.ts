import { systemClock } from '../../src/foundation/clock.ts';

const QUIET_MS = 1_000;

/** Says on standard error what is being waited for, once the wait is longer than a second. */
export async function withProgress<Value>(label: string, work: Promise<Value>): Promise<Value> {
  const started = systemClock.monotonicMs();
  let isAnnounced = false;
  const timer = systemClock.setTimer(QUIET_MS, () => {
    isAnnounced = true;
    process.stderr.write(`${label} …\n`);
  });
  try {
    const value = await work;
    if (isAnnounced)
      process.stderr.write(`${label}: done in ${((systemClock.monotonicMs() - started) / 1000).toFixed(1)} s\n`);
    return value;
  } finally {
    timer.clear();
  }
}
