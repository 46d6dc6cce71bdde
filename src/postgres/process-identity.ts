import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A running process. A pid alone is recycled; together with the start time it names one process of this machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: when the process started, in the operating system's own words. */
  readonly started: string;
}

/** Identifies a running process, or returns undefined when none has the pid (a zombie counts as none). */
export async function readProcessIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  const started = process.platform === 'linux' ? await readLinuxStart(pid) : await readPosixStart(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether this very process still runs. A later process with the same pid is another one. */
export async function isProcessRunning(identity: ProcessIdentity): Promise<boolean> {
  const current = await readProcessIdentity(identity.pid);
  return current !== undefined && current.started === identity.started;
}

/** Whether the process is stopped by a signal or a debugger: it runs no code, yet keeps its locks. */
export async function isProcessStopped(pid: number): Promise<boolean> {
  if (process.platform === 'linux') return /^[Tt]$/.test((await readLinuxFields(pid))?.state ?? '');
  const result = await run('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => undefined);
  return result?.stdout.trim().startsWith('T') ?? false;
}

/** The pids of all descendants of a process, as one look at the process table shows them. */
export async function listDescendants(ancestor: number): Promise<readonly number[]> {
  const parents = await readParents();
  const found = new Set([ancestor]);
  // A set is walked in the order of insertion and also visits what is added meanwhile.
  for (const pid of found) {
    for (const [child, parent] of parents) if (parent === pid) found.add(child);
  }
  found.delete(ancestor);
  return [...found];
}

async function readParents(): Promise<ReadonlyMap<number, number>> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    return new Map(
      rows.flatMap(([pid, ppid]) => (pid === undefined || ppid === undefined ? [] : [[pid, ppid] as const])),
    );
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const rows = await Promise.all(pids.map(async (pid) => [pid, (await readLinuxFields(pid))?.parent] as const));
  return new Map(rows.flatMap(([pid, parent]) => (parent === undefined ? [] : [[pid, parent] as const])));
}

async function readLinuxStart(pid: number): Promise<string | undefined> {
  const fields = await readLinuxFields(pid);
  if (fields === undefined || fields.state === 'Z' || fields.state === 'X') return undefined;
  // Start times are counted from boot, so the boot belongs to them.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()}/${fields.startTicks}`;
}

/**
 * Reads `/proc/<pid>/stat`: `pid (comm) state ppid … starttime(22) …`. The name may itself hold blanks and brackets, so
 * the fields are counted from the last bracket. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
async function readLinuxFields(
  pid: number,
): Promise<{ readonly state: string; readonly parent: number; readonly startTicks: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (state === undefined || parent === undefined || startTicks === undefined) return undefined;
  return { state, parent: Number(parent), startTicks };
}

async function readPosixStart(pid: number): Promise<string | undefined> {
  const result = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => undefined);
  const line = result?.stdout.trim();
  if (line === undefined || line === '' || line.startsWith('Z')) return undefined;
  return line.slice(line.indexOf(' ')).trim();
}
