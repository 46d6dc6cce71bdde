import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import {
  isProcessRunning,
  isProcessStopped,
  listDescendants,
  type ProcessIdentity,
  readProcessIdentity,
} from './process-identity.ts';

/*
 * A server that never outlives the process that started it, even when that process is killed with SIGKILL.
 *
 * A tiny shell is the server's parent and holds the reading end of a pipe whose writing end only we hold. Whatever ends us,
 * the kernel closes our end; the shell reads the end of file, stops the server, and removes its scratch directory. Being the
 * parent, it can never signal a recycled pid. It leads a session of its own, so a Ctrl-C in the terminal reaches only us.
 *
 * A prctl(PR_SET_PDEATHSIG) would do the first half on Linux, but Node cannot ask for it, and it leaves the files behind.
 * When the shell is killed together with us, the next start finds the server by its recorded identity and ends it.
 */
const GUARD_SCRIPT = `
stop_signal=$1; grace_s=$2; scratch=$3; shift 3
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
server=$!
echo "$server" >&3; exec 3>&-
orphaned=
trap 'orphaned=1' USR1
trap '' INT TERM HUP QUIT
(
  while read -r _; do :; done
  kill -s USR1 $$
  kill -s "$stop_signal" "$server"
  waited=0
  while kill -0 "$server" && [ "$waited" -lt "$grace_s" ]; do sleep 1; waited=$((waited + 1)); done
  kill -s KILL "$server"
) <&4 >/dev/null 2>&1 &
watcher=$!
exec 4<&-
while :; do
  wait "$server"; code=$?
  kill -0 "$server" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
if [ -n "$orphaned" ] && [ -n "$scratch" ]; then cd / && rm -rf "$scratch"; fi
exit "$code"
`;

/** A killed process may still have to leave an uninterruptible disk wait. */
const KILL_TIMEOUT_MS = 30_000;

/** The user that a server runs as when this process is root's; PostgreSQL refuses to run as root. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The server to start, and what its guard does once this process is gone. */
export interface GuardedProcessOptions {
  /** The executable and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** Drops from root to this user. */
  readonly user?: ServerUser | undefined;
  /** What the guard sends when we are gone. */
  readonly orphanSignal: 'INT' | 'TERM' | 'QUIT';
  /** How long the guard waits after it before SIGKILL. Default 10. */
  readonly orphanGraceSeconds?: number;
  /** A directory that the guard removes once we are gone and the server has ended. */
  readonly scratchDirectory?: string | undefined;
}

/** A running server and its guard. Safe to use after the server's end: then nothing is sent to anybody. */
export interface GuardedProcess {
  readonly identity: ProcessIdentity;
  /** The shell that ends the server when we are gone. */
  readonly guard: ProcessIdentity;
  readonly hasExited: boolean;
  /** Resolves with the exit code (128 + signal number when a signal ended it). Never rejects, never keeps the process alive. */
  readonly exited: Promise<number>;
  /** Waits for the end. @returns false when the time is over first */
  waitForExit(timeoutMs: number): Promise<boolean>;
  /** Sends a signal to the server; nothing when it has ended. */
  sendSignal(signal: NodeJS.Signals): void;
  /** Ends the server and all its descendants with SIGKILL, as a power cut would. */
  kill(): Promise<void>;
}

/**
 * Starts a server under a guard that ends it when this process ends, however it ends. Does not keep the event loop alive.
 * @throws HW-EMBEDDED-008 when the guard or the server cannot be started at all
 */
export async function startGuardedProcess(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const guard = spawnGuard(options);
  const exited = watchExit(guard);
  const pid = await readServerPid(guard, options.command[0]);
  // A server that ended at once has no identity any more; its exit tells the caller.
  const identity = (await readProcessIdentity(pid)) ?? { pid, started: 'ended' };
  const guardPid = guard.pid ?? 0;
  const guardIdentity = (await readProcessIdentity(guardPid)) ?? { pid: guardPid, started: 'ended' };
  return new GuardedServer({ child: guard, guard: guardIdentity, identity, exited });
}

/**
 * Ends a process and its descendants, and waits until none is left. The process is held still first, so that it starts no
 * new ones meanwhile. A backend that computes would not notice by itself that its postmaster is gone.
 */
export async function killProcessTree(identity: ProcessIdentity): Promise<void> {
  if (!(await isProcessRunning(identity))) return;
  await hold(identity);
  const descendants = await Promise.all((await listDescendants(identity.pid)).map(readProcessIdentity));
  const family = [identity, ...descendants.filter((descendant) => descendant !== undefined)];
  for (const { pid } of family) sendSignalTo(pid, 'SIGKILL');
  const ends = await Promise.all(family.map((member) => waitForEnd(member, KILL_TIMEOUT_MS)));
  if (!ends.every(Boolean)) {
    throw new HeadwaterError('HW-EMBEDDED-008', `process ${identity.pid} or a child of it did not end after SIGKILL`);
  }
}

/** Stops a process by SIGSTOP and waits until it stands still: until then it may go on and start others. */
async function hold(identity: ProcessIdentity): Promise<void> {
  sendSignalTo(identity.pid, 'SIGSTOP');
  const deadline = systemClock.monotonicMs() + KILL_TIMEOUT_MS;
  while (!(await isProcessStopped(identity.pid)) && (await isProcessRunning(identity))) {
    if (systemClock.monotonicMs() > deadline) return;
    await systemClock.sleep(1);
  }
}

interface ServerParts {
  readonly child: ChildProcess;
  readonly guard: ProcessIdentity;
  readonly identity: ProcessIdentity;
  readonly exited: Promise<GuardExit>;
}

class GuardedServer implements GuardedProcess {
  readonly identity: ProcessIdentity;
  readonly guard: ProcessIdentity;
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  #hasExited = false;

  constructor(parts: ServerParts) {
    const { identity } = parts;
    this.#child = parts.child;
    this.identity = identity;
    this.guard = parts.guard;
    this.exited = parts.exited.then(async (exit) => {
      // A guard that was itself killed leaves its server alone: it is ended here, never left behind.
      if (exit.kind === 'killed') await killProcessTree(identity).catch(() => undefined);
      this.#hasExited = true;
      return exit.kind === 'killed' ? 137 : exit.code;
    });
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  sendSignal(signal: NodeJS.Signals): void {
    if (!this.#hasExited) sendSignalTo(this.identity.pid, signal);
  }

  async waitForExit(timeoutMs: number): Promise<boolean> {
    // While somebody waits, the wait must keep the process alive.
    this.#child.ref();
    const timeout = new AbortController();
    try {
      const timedOut = systemClock.sleep(timeoutMs, timeout.signal).then(
        () => true,
        () => true,
      );
      await Promise.race([this.exited, timedOut]);
      return this.#hasExited;
    } finally {
      timeout.abort();
      this.#child.unref();
    }
  }

  async kill(): Promise<void> {
    if (!this.#hasExited) await killProcessTree(this.identity);
    if (!(await this.waitForExit(KILL_TIMEOUT_MS))) {
      throw new HeadwaterError('HW-EMBEDDED-008', `process ${this.identity.pid} did not end after SIGKILL`);
    }
  }
}

type GuardExit = { readonly kind: 'ended'; readonly code: number } | { readonly kind: 'killed' };

function spawnGuard(options: GuardedProcessOptions): ChildProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const settings = [options.orphanSignal, String(options.orphanGraceSeconds ?? 10), options.scratchDirectory ?? ''];
    return spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'headwater-guard', ...settings, ...options.command], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['pipe', log, log, 'pipe'],
      ...(options.user === undefined ? {} : options.user),
    });
  } finally {
    closeSync(log);
  }
}

function watchExit(guard: ChildProcess): Promise<GuardExit> {
  return new Promise((resolve) => {
    guard.once('exit', (code) => resolve(code === null ? { kind: 'killed' } : { kind: 'ended', code }));
    guard.once('error', () => resolve({ kind: 'ended', code: 127 }));
  });
}

async function readServerPid(guard: ChildProcess, command: string): Promise<number> {
  const { promise: spawnFailure, reject } = Promise.withResolvers<never>();
  spawnFailure.catch(() => undefined);
  guard.once('error', reject);
  try {
    const pid = Number.parseInt(await Promise.race([readReport(guard), spawnFailure]), 10);
    if (!Number.isSafeInteger(pid)) {
      throw new HeadwaterError(
        'HW-EMBEDDED-008',
        `cannot start ${command}: the guard ended before the server had started`,
      );
    }
    releaseEventLoop(guard);
    return pid;
  } catch (error) {
    throw HeadwaterError.from(error, 'HW-EMBEDDED-008', `cannot start ${command}`);
  }
}

/** What the guard writes to descriptor 3: the server's pid. */
async function readReport(guard: ChildProcess): Promise<string> {
  const report = guard.stdio[3];
  let text = '';
  if (report instanceof Readable) for await (const chunk of report.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** The pipe to the guard must stay open for our whole life, but must not prolong it. */
function releaseEventLoop(guard: ChildProcess): void {
  guard.unref();
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  guard.stdin?.on('error', () => undefined); // The guard may end first; a broken pipe is then no news.
}

function sendSignalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended between the check and the signal, which is what was wanted.
  }
}

/** Waits until a process has ended. @returns false when the time is over first */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = systemClock.monotonicMs() + timeoutMs;
  while (await isProcessRunning(identity)) {
    if (systemClock.monotonicMs() > deadline) return false;
    await systemClock.sleep(20);
  }
  return true;
}
