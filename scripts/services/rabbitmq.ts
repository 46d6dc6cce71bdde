import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/foundation/clock.ts';
import { type GuardedProcess, startGuardedProcess } from '../../src/postgres/guarded-process.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import { claimDirectory, type DirectoryClaim } from '../../src/postgres/server-directory.ts';
import { openRabbitmqPrograms, type RabbitmqPrograms } from './rabbitmq-distribution.ts';
import { nameScratchDirectory } from './scratch.ts';

export { explainMissingRabbitmq } from './rabbitmq-distribution.ts';

const run = promisify(execFile);

export interface PrivateRabbitmqOptions {
  readonly signal?: AbortSignal;
  /** More lines of the server's `rabbitmq.conf`. */
  readonly settings?: string;
}

/** One node in a scratch directory, on the same ports for its whole life. */
export interface PrivateRabbitmq extends AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:port` */
  readonly url: string;
  readonly directory: string;
  readonly logFile: string;
  readonly isRunning: boolean;
  /** Runs `rabbitmqctl` with these arguments. Returns what it prints. */
  control(...words: readonly string[]): Promise<string>;
  /** Stops the server in order. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; the page cache survives. */
  kill(): Promise<void>;
  /** Starts again on the same ports and data; a running server is stopped in order first. */
  restart(): Promise<void>;
}

const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const START_ATTEMPT_COUNT_MAX = 3;
const POLL_MS = 50;

/** Starts a RabbitMQ of one's own and resolves when clients can log in. */
export async function startScratchRabbitmq(options: PrivateRabbitmqOptions = {}): Promise<PrivateRabbitmq> {
  const programs = await openRabbitmqPrograms();
  for (let attempt = 1; ; attempt += 1) {
    const claim = await claimDirectory(await nameScratchDirectory('rabbitmq'));
    const ports = {
      amqp: await findLoopbackPort(),
      distribution: await findLoopbackPort(),
      names: await findLoopbackPort(),
    };
    const server = new ScratchRabbitmq(claim, programs, { options, ports });
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      // The ports were free a moment ago; somebody else may have been faster.
      if (attempt >= START_ATTEMPT_COUNT_MAX || !String(error).includes('eaddrinuse')) throw error;
    }
  }
}

interface ServerPlan {
  readonly options: PrivateRabbitmqOptions;
  readonly ports: {
    readonly amqp: number;
    /** Between Erlang nodes: `rabbitmqctl` is one. */
    readonly distribution: number;
    /** Erlang's own name server, which a node would otherwise start and leave behind. */
    readonly names: number;
  };
}

class ScratchRabbitmq implements PrivateRabbitmq {
  readonly url: string;
  readonly directory: string;
  readonly logFile: string;
  readonly #claim: DirectoryClaim;
  readonly #programs: RabbitmqPrograms;
  readonly #plan: ServerPlan;
  #names: GuardedProcess | undefined;
  #running: GuardedProcess | undefined;
  /** One change at a time: two servers on one directory destroy it. */
  #latest: Promise<void> = Promise.resolve();
  #isDisposed = false;

  constructor(claim: DirectoryClaim, programs: RabbitmqPrograms, plan: ServerPlan) {
    this.directory = claim.directory;
    this.url = `amqp://guest:guest@127.0.0.1:${plan.ports.amqp}`;
    this.logFile = join(this.directory, 'server.log');
    this.#claim = claim;
    this.#programs = programs;
    this.#plan = plan;
  }

  get isRunning(): boolean {
    return this.#running?.hasExited === false;
  }

  /** At once, whatever is under way; that is then over soon. */
  async kill(): Promise<void> {
    await this.#running?.kill();
    await this.#next(() => this.#end(0));
  }

  async control(...words: readonly string[]): Promise<string> {
    const { stdout } = await run(join(this.#programs.scripts, 'rabbitmqctl'), ['-q', ...words], {
      cwd: this.directory,
      env: this.#environment(),
    });
    return stdout;
  }

  stop(): Promise<void> {
    return this.#next(() => this.#end(STOP_TIMEOUT_MS));
  }

  restart(): Promise<void> {
    return this.#next(async () => {
      await this.#end(STOP_TIMEOUT_MS);
      await this.#start();
    });
  }

  async #start(): Promise<void> {
    if (this.#isDisposed) throw new Error('the server was given up');
    const { names } = this.#plan.ports;
    if (this.#names === undefined || this.#names.hasExited) {
      this.#names = await this.#guard(
        [this.#programs.epmd, '-port', String(names), '-address', '127.0.0.1'],
        join(this.directory, 'epmd.log'),
      );
      await this.#waitUntilOpen(names, this.#names);
    }
    await writeFile(join(this.directory, 'rabbitmq.conf'), this.#render());
    await writeFile(join(this.directory, 'enabled_plugins'), '[].\n');
    this.#running = await this.#guard([join(this.#programs.scripts, 'rabbitmq-server')], this.logFile);
    await this.#claim.recordServer(this.#running);
    await this.#waitUntilOpen(this.#plan.ports.amqp, this.#running);
  }

  /** In order within the time, then with SIGKILL. */
  async #end(timeoutMs: number): Promise<void> {
    if (timeoutMs > 0) this.#running?.sendSignal('SIGTERM');
    const hasEnded = timeoutMs > 0 && (await this.#running?.waitForExit(timeoutMs));
    if (hasEnded !== true) await this.#running?.kill();
    this.#running = undefined;
  }

  #next(change: () => Promise<void>): Promise<void> {
    const changed = this.#latest.then(change);
    this.#latest = changed.catch(() => undefined);
    return changed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.kill();
    await this.#names?.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #guard(command: readonly [string, ...string[]], logFile: string): Promise<GuardedProcess> {
    return startGuardedProcess({
      command,
      orphanSignal: 'TERM',
      cwd: this.directory,
      scratchDirectory: this.directory,
      logFile,
      env: this.#environment(),
    });
  }

  #environment(): NodeJS.ProcessEnv {
    const inDirectory = (name: string): string => join(this.directory, name);
    const { distribution, names } = this.#plan.ports;
    return {
      PATH: this.#programs.path,
      LC_ALL: 'C.UTF-8',
      HOME: this.directory,
      ERL_EPMD_PORT: String(names),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `headwater-${distribution}@localhost`,
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_CONFIG_FILE: inDirectory('rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_ENABLED_PLUGINS_FILE: inDirectory('enabled_plugins'),
      RABBITMQ_LOG_BASE: inDirectory('log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_MNESIA_BASE: inDirectory('mnesia'),
      RABBITMQ_PID_FILE: inDirectory('pid'),
      RABBITMQ_PLUGINS_DIR: this.#programs.plugins,
      // Two schedulers that sleep when there is nothing to do: many tests share few processors.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none',
      // The script then becomes the server instead of waiting for it, so that a signal reaches the server.
      RUNNING_UNDER_SYSTEMD: 'true',
    };
  }

  #render(): string {
    const { options, ports } = this.#plan;
    return `listeners.tcp.1 = 127.0.0.1:${ports.amqp}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MiB
raft.wal_max_size_bytes = 16777216
${options.settings ?? ''}
`;
  }

  async #waitUntilOpen(port: number, server: GuardedProcess): Promise<void> {
    const deadline = systemClock.monotonicMs() + READY_TIMEOUT_MS;
    const { signal } = this.#plan.options;
    for (;;) {
      signal?.throwIfAborted();
      if (!server.hasExited && (await isOpen(port))) return;
      if (server.hasExited || systemClock.monotonicMs() > deadline) break;
      await systemClock.sleep(POLL_MS, signal);
    }
    await server.kill();
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    throw new Error(`RabbitMQ did not start within ${READY_TIMEOUT_MS} ms:\n${log.slice(-3000)}`);
  }
}

/** Whether somebody listens. RabbitMQ listens when everything else is ready. */
async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const isConnected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isConnected;
}
