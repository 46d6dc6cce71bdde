import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../../src/foundation/clock.ts';
import type { StatusReport } from '../../src/service/status-report.ts';

/** How a Headwater of the lab is started. */
export interface HeadwaterProcessOptions {
  readonly configFile: string;
  /** What the configuration gives to `http.port`. */
  readonly httpPort: number;
  /** Its log is appended here. */
  readonly logFile: string;
  /** A module that Node loads first, in the main thread and in every worker. */
  readonly preload?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const readyTimeoutMs = 60_000;
const statusTimeoutMs = 5_000;
const pollMs = 20;
const memorySampleMs = 50;

/**
 * The real command `headwater run` as a process that can be killed and started again at will. It does not outlive the program
 * that started it: its configuration imports `end-with-parent.ts`.
 */
export class HeadwaterProcess implements AsyncDisposable {
  readonly #options: HeadwaterProcessOptions;
  #child: ChildProcess | undefined;
  #end: Promise<ProcessEnd> = Promise.resolve({ code: null, signal: null });
  #peakMemoryBytes: number | undefined;
  #isWatched = false;

  constructor(options: HeadwaterProcessOptions) {
    this.#options = options;
  }

  /** The most resident memory that any of its processes had; undefined where the system does not tell (Linux does). */
  get peakMemoryBytes(): number | undefined {
    return this.#peakMemoryBytes;
  }

  /** Resolves when the process that was started last has ended. */
  get ended(): Promise<ProcessEnd> {
    return this.#end;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and does not wait for it. Legal only when none is running. */
  start(): void {
    if (this.#child !== undefined) throw new Error('Headwater is running already');
    const { configFile, environment, logFile, preload } = this.#options;
    const log = openSync(logFile, 'a');
    const imported = preload === undefined ? [] : ['--import', preload];
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...imported, mainFile, 'run', '--config', configFile, '--log-json'],
      { stdio: ['pipe', log, log], env: { PATH: process.env['PATH'], ...environment } },
    );
    closeSync(log);
    this.#child = child;
    this.#end = once(child, 'exit').then(([code, signal]): ProcessEnd => {
      if (this.#child === child) this.#child = undefined;
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    this.#watchMemory(child);
  }

  /** SIGKILL, whatever it is at. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#sampleMemory(this.#child?.pid);
    this.#child?.kill('SIGKILL');
    await this.#end;
  }

  /** An orderly stop. @throws when it ends with another code than 0 */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const { code, signal } = await this.#end;
    if (code !== 0) throw new Error(`headwater ended with ${code ?? signal}: ${this.logEnd()}`);
  }

  /** Runs a command beside it, such as `parked list`, and gives its JSON. @throws when it ends with another code than 0 or 3 */
  async command(...words: readonly string[]): Promise<unknown> {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', mainFile, ...words, '--config', this.#options.configFile, '--json'],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
    );
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0 && code !== 3)
      throw new Error(`headwater ${words.join(' ')} ended with ${code}: ${errors}${output}`);
    return JSON.parse(output);
  }

  /** What `/status` says; undefined while nobody answers. */
  async status(): Promise<StatusReport | undefined> {
    try {
      const address = `http://127.0.0.1:${this.#options.httpPort}/status`;
      const response = await fetch(address, { signal: AbortSignal.timeout(statusTimeoutMs) });
      return response.ok ? ((await response.json()) as StatusReport) : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Resolves with the first status that fits. @throws when the process ends, a lane has failed, or the time is over, each with
   * the end of the log
   */
  async waitFor(
    awaited: string,
    isReached: (status: StatusReport) => boolean,
    { timeoutMs = readyTimeoutMs, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<StatusReport> {
    const deadline = systemClock.monotonicMs() + timeoutMs;
    let last: StatusReport | undefined;
    while (systemClock.monotonicMs() < deadline) {
      signal?.throwIfAborted();
      if (this.#child === undefined) throw new Error(`Headwater ended by itself before ${awaited}\n${this.logEnd()}`);
      last = (await this.status()) ?? last;
      if (last !== undefined && isReached(last)) return last;
      const failed = last?.lanes.find((lane) => lane.state === 'failed');
      if (failed !== undefined) throw new Error(`lane ${failed.name} failed: ${JSON.stringify(failed.error)}`);
      await systemClock.sleep(pollMs, signal);
    }
    throw new Error(`not within ${timeoutMs} ms: ${awaited}; ${describePlaces(last)}\n${this.logEnd()}`);
  }

  /** The last lines of the log. */
  logEnd(): string {
    return readFileSync(this.#options.logFile, 'utf8').slice(-3000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** The kernel keeps the peak itself, so that samples only have to be there before the process is gone. */
  #watchMemory(child: ChildProcess): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    const sample = (): void => {
      if (this.#child === undefined) {
        this.#isWatched = false;
        return;
      }
      this.#sampleMemory(this.#child.pid);
      systemClock.setTimer(memorySampleMs, sample);
    };
    child.once('spawn', sample);
  }

  #sampleMemory(pid: number | undefined): void {
    if (pid === undefined) return;
    try {
      const peakKilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      if (peakKilobytes === undefined) return;
      this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes ?? 0, Number(peakKilobytes) * 1024);
    } catch {
      // It has just ended, or this is not Linux.
    }
  }
}

function describePlaces(status: StatusReport | undefined): string {
  if (status === undefined) return 'it never answered';
  const lanes = status.lanes.map(
    ({ name, sequence, state, error }) => `${name} ${state} at ${sequence} ${error?.message ?? ''}`,
  );
  return `${status.state}, source ${status.source.state}, journal at ${status.journal.lastSequence}, ${lanes.join(', ')}`;
}
