import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/foundation/clock.ts';
import { type GuardedProcess, startGuardedProcess } from '../../src/postgres/guarded-process.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import { claimDirectory, type DirectoryClaim } from '../../src/postgres/server-directory.ts';
import { openNatsProgram } from './nats-distribution.ts';
import { nameScratchDirectory } from './scratch.ts';

export { explainMissingNats } from './nats-distribution.ts';

export interface PrivateNatsOptions {
  readonly signal?: AbortSignal;
  /** More of the server's configuration: accounts, TLS, limits. */
  readonly settings?: string;
}

/** One server with JetStream in a scratch directory, on the same port for its whole life. */
export interface PrivateNats extends AsyncDisposable {
  /** What the server calls itself. */
  readonly name: string;
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly directory: string;
  readonly logFile: string;
  readonly isRunning: boolean;
  /** Stops the server in order. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; the page cache survives. */
  kill(): Promise<void>;
  /** Starts again on the same port and data; a running server is stopped in order first. */
  restart(): Promise<void>;
}

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const START_ATTEMPT_COUNT_MAX = 3;
const POLL_MS = 20;

/** Starts a NATS server of one's own and resolves when JetStream is ready. */
export async function startScratchNats(options: PrivateNatsOptions = {}): Promise<PrivateNats> {
  const program = await openNatsProgram();
  for (let attempt = 1; ; attempt += 1) {
    const claim = await claimDirectory(await nameScratchDirectory('nats'));
    const ports = { port: await findLoopbackPort(), monitorPort: await findLoopbackPort() };
    const server = new ScratchNats(claim, program, { options, ...ports });
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      // The ports were free a moment ago; somebody else may have been faster.
      if (attempt >= START_ATTEMPT_COUNT_MAX || !String(error).includes('address already in use')) throw error;
    }
  }
}

interface ServerPlan {
  readonly options: PrivateNatsOptions;
  readonly port: number;
  /** Answers over HTTP whether JetStream is ready. */
  readonly monitorPort: number;
}

class ScratchNats implements PrivateNats {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly logFile: string;
  readonly #claim: DirectoryClaim;
  readonly #program: string;
  readonly #plan: ServerPlan;
  #running: GuardedProcess | undefined;
  /** One change at a time: two servers on one directory destroy it. */
  #latest: Promise<void> = Promise.resolve();
  #isDisposed = false;

  constructor(claim: DirectoryClaim, program: string, plan: ServerPlan) {
    this.directory = claim.directory;
    this.name = `headwater-${plan.port}`;
    this.address = `127.0.0.1:${plan.port}`;
    this.logFile = join(this.directory, 'server.log');
    this.#claim = claim;
    this.#program = program;
    this.#plan = plan;
  }

  get isRunning(): boolean {
    return this.#running !== undefined && !this.#running.hasExited;
  }

  restart(): Promise<void> {
    return this.#serially(async () => {
      await this.#end('in order');
      await this.#start();
    });
  }

  stop(): Promise<void> {
    return this.#serially(() => this.#end('in order'));
  }

  /** At once, whatever is under way; that is then over soon. */
  async kill(): Promise<void> {
    await this.#running?.kill();
    await this.#serially(() => this.#end('at once'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #serially(change: () => Promise<void>): Promise<void> {
    const changed = this.#latest.then(change);
    this.#latest = changed.catch(() => undefined);
    return changed;
  }

  async #end(how: 'in order' | 'at once'): Promise<void> {
    const server = this.#running;
    this.#running = undefined;
    if (server === undefined) return;
    if (how === 'in order') server.sendSignal('SIGTERM');
    if (how === 'at once' || !(await server.waitForExit(STOP_TIMEOUT_MS))) await server.kill();
  }

  async #start(): Promise<void> {
    if (this.#isDisposed) throw new Error('the server was given up');
    const configuration = join(this.directory, 'server.conf');
    await mkdir(join(this.directory, 'data'), { recursive: true });
    await writeFile(configuration, this.#render());
    this.#running = await startGuardedProcess({
      command: [this.#program, '-c', configuration],
      orphanSignal: 'TERM',
      cwd: this.directory,
      scratchDirectory: this.directory,
      logFile: this.logFile,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    await this.#claim.recordServer(this.#running);
    await this.#waitUntilReady(this.#running);
  }

  /** Every acknowledged message is flushed: `sync_interval: always`. Loopback only. */
  #render(): string {
    const { monitorPort, options } = this.#plan;
    return `server_name: "${this.name}"
listen: "${this.address}"
http: "127.0.0.1:${monitorPort}"
jetstream { store_dir: "${join(this.directory, 'data')}", max_memory_store: 64MB, max_file_store: 2GB, sync_interval: always }
${options.settings ?? ''}
`;
  }

  async #waitUntilReady(server: GuardedProcess): Promise<void> {
    const { monitorPort, options } = this.#plan;
    const deadline = systemClock.monotonicMs() + READY_TIMEOUT_MS;
    for (;;) {
      options.signal?.throwIfAborted();
      const isReady = await fetch(`http://127.0.0.1:${monitorPort}/healthz`).then(
        (response) => response.ok,
        () => false,
      );
      if (isReady) return;
      if (server.hasExited || systemClock.monotonicMs() > deadline) break;
      await systemClock.sleep(POLL_MS, options.signal);
    }
    await this.#end('at once');
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    throw new Error(`NATS did not start within ${READY_TIMEOUT_MS} ms:\n${log.slice(-3000)}`);
  }
}
