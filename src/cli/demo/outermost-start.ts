import { readFile } from 'node:fs/promises';

import { systemClock } from '../../foundation/clock.ts';

/** Linux counts process times in these, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
/** npm, the shell that npm starts, and us. */
const ANCESTOR_COUNT_MAX = 3;

/**
 * When the outermost process of this command started, in the monotonic clock: npm, if npm runs us, else we ourselves. The
 * time that a person waits begins there. Where the system has no /proc, it is the start of this process.
 */
export async function findOutermostStartMs(environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  const ownStartMs = 0; // The monotonic clock of Node begins with its process.
  const ages: number[] = [];
  try {
    let pid = process.pid;
    for (let generation = 0; generation < ANCESTOR_COUNT_MAX; generation += 1) {
      const found = await readProcess(pid);
      const isOurs = generation === 0 || /^(sh|dash|bash|npm|npx|pnpm|yarn)\b/.test(found.name);
      if (!isOurs) break;
      ages.push(found.ageMs);
      if (environment['npm_config_user_agent'] === undefined) break;
      pid = found.parent;
    }
  } catch {
    return ownStartMs;
  }
  return Math.min(ownStartMs, systemClock.monotonicMs() - Math.max(0, ...ages));
}

interface ProcessAge {
  readonly name: string;
  readonly parent: number;
  readonly ageMs: number;
}

/** Reads `/proc/<pid>/stat`: `pid (name) state ppid … starttime(22) …`. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function readProcess(pid: number): Promise<ProcessAge> {
  const [stat, uptime] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/uptime', 'utf8')]);
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startSeconds = Number(fields[19]) / TICKS_PER_SECOND;
  return { name, parent: Number(fields[1]), ageMs: (Number.parseFloat(uptime) - startSeconds) * 1000 };
}
