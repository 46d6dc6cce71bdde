import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { compileCacheDirectory } from '../compile-cache.ts';
import type { ProgramSettings } from './child-program.ts';

/** What a program is called, where its entry file lies, and where it logs. */
export interface ProgramDescription {
  /** For people: `order service`. */
  readonly name: string;
  /** Of the file beside this one, without its extension: sources run as `.ts`, the package as `.js`. */
  readonly entry: string;
  /** Holds the log. */
  readonly directory: string;
}

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

interface RunningChild {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly exited: Promise<string>;
}

/**
 * A real process of the demo: started, killed and started again at will. One that ends although nobody ended it breaks the
 * demo: `failed` rejects. It does not outlive this process, however that ends (see child-program.ts).
 */
export class SupervisedProgram implements AsyncDisposable {
  readonly name: string;
  /** Rejects when the program ended by itself. Never resolves. */
  readonly failed: Promise<never>;
  readonly #description: ProgramDescription;
  readonly #fail: (error: HeadwaterError) => void;
  #settings: ProgramSettings | undefined;
  #running: RunningChild | undefined;

  constructor(description: ProgramDescription) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined); // Whoever drives the demo listens; before that there is nobody.
    this.failed = promise;
    this.#fail = reject;
    this.#description = description;
    this.name = description.name;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Starts the process, so that it loads its code. It does nothing before it gets its settings. */
  preload(): void {
    this.#running ??= this.#spawn();
  }

  /** Starts the process unless it is there, gives it its settings, and does not wait. */
  launch(settings: ProgramSettings | undefined = this.#settings): void {
    this.preload();
    this.#settings = settings;
    this.tell(JSON.stringify(settings));
  }

  /** Resolves when the program says that it works. @throws HW-DEMO-001 when it ends first, -005 when it takes too long */
  async waitUntilReady(signal?: AbortSignal): Promise<void> {
    const limit = new AbortController();
    const timeout = systemClock
      .sleep(READY_TIMEOUT_MS, signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]))
      .then(async () => {
        throw await this.#explain('HW-DEMO-005', `was not ready within ${READY_TIMEOUT_MS} ms`);
      });
    try {
      for (;;) {
        const waited = this.#running;
        if (waited === undefined) return;
        const hasExited = await Promise.race([
          waited.ready.then(() => false),
          waited.exited.then(() => true),
          this.failed,
          timeout,
        ]);
        // A kill meanwhile has put another process in the place of this one: that one is waited for.
        if (waited !== this.#running) continue;
        if (!hasExited) return;
        await this.failed;
      }
    } finally {
      limit.abort();
      timeout.catch(() => undefined);
    }
  }

  /** Writes one line to the program's standard input. */
  tell(line: string): void {
    this.#running?.child.stdin?.write(`${line}\n`);
  }

  /** SIGKILL, whatever it does at this moment. Resolves with its pid when it is gone. */
  async kill(): Promise<number | undefined> {
    return this.#end('SIGKILL');
  }

  /** SIGKILL, and a new process at once, which starts while this resolves. */
  async killAndLaunch(): Promise<number | undefined> {
    const pid = await this.kill();
    this.launch();
    return pid;
  }

  /** Lets the program finish what it has begun. One that does not end is killed. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | undefined> {
    const running = this.#running;
    if (running === undefined) return undefined;
    this.#running = undefined; // From here on its end is no failure.
    const overdue = systemClock.setTimer(STOP_TIMEOUT_MS, () => running.child.kill('SIGKILL'));
    running.child.kill(signal);
    await running.exited;
    overdue.clear();
    return running.child.pid;
  }

  #spawn(): RunningChild {
    const { entry } = this.#description;
    const entryFile = new URL(`./${entry}${EXTENSION}`, import.meta.url);
    const log = openSync(this.#logFile, 'a', 0o600);
    try {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entryFile.pathname], {
        stdio: ['pipe', 'pipe', log],
        env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCacheDirectory },
      });
      child.stdin?.on('error', () => undefined); // It was killed; its end says so.
      const running = { child, ready: waitForLine(child), exited: waitForExit(child) };
      void this.#watch(running);
      return running;
    } finally {
      closeSync(log);
    }
  }

  async #watch(running: RunningChild): Promise<void> {
    const end = await running.exited;
    if (this.#running === running) this.#fail(await this.#explain('HW-DEMO-001', `ended by itself (${end})`));
  }

  get #logFile(): string {
    return join(this.#description.directory, `${this.#description.name.replaceAll(' ', '-')}.log`);
  }

  async #explain(code: 'HW-DEMO-001' | 'HW-DEMO-005', what: string): Promise<HeadwaterError> {
    const log = await readFile(this.#logFile, 'utf8').catch(() => '');
    return new HeadwaterError(code, `the ${this.name} ${what}: ${log.trim().slice(-1500)}`);
  }
}

function waitForLine(child: ChildProcess): Promise<void> {
  // When the process ends without a word, its exit is the news.
  return new Promise((resolve) => {
    child.stdout?.once('data', () => resolve());
  });
}

function waitForExit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}
