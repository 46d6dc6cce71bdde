import { systemClock } from '../foundation/clock.ts';

/** Longer than any library needs to close in order what it was told to close. */
const patienceMs = 5000;

/**
 * Sees to it that a finished command ends. A configuration may have opened a pool, and a library may have left a socket behind:
 * a process that is done and stays would block whoever waits for it. Says what was open when it had to help.
 */
export function endProcess(exitCode: number, note: (line: string) => void): void {
  process.exitCode = exitCode;
  systemClock.setTimer(patienceMs, () => {
    const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
    note(`headwater: ended although something is still open: ${open}`);
    process.exit(exitCode);
  });
}
