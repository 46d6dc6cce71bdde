import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/foundation/clock.ts';
import { type GuardedProcess, startGuardedProcess } from '../../src/postgres/guarded-process.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import { claimDirectory, type DirectoryClaim } from '../../src/postgres/server-directory.ts';
import { openRedisDistribution, type RedisDistribution } from './redis-distribution.ts';
import { nameScratchDirectory } from './scratch.ts';

export { explainMissingRedis } from './redis-distribution.ts';

export interface PrivateRedisOptions {
  readonly signal?: AbortSignal;
  /** Further settings by name, over the defaults: an append-only file that is flushed with every write. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Asks for TLS on the one port, with these files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** One server in a scratch directory, on the same port for its whole life. */
export interface PrivateRedis extends AsyncDisposable {
  /** `redis://127.0.0.1:port/0`, without a password. */
  readonly url: string;
  readonly port: number;
  /** Where its files are, the append-only ones in `appendonlydir`. */
  readonly directory: string;
  readonly isRunning: boolean;
  /** Stops the server in order; it writes what it holds. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; the page cache survives. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, with other settings if some are given; a running server is stopped first. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
}

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const START_ATTEMPT_COUNT_MAX = 3;
const defaultSettings = { appendonly: 'yes', appendfsync: 'always', save: '' } as const;

/** Starts a Redis of one's own and resolves when it answers. */
export async function startScratchRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const distribution = await openRedisDistribution();
  for (let attempt = 1; ; attempt += 1) {
    const claim = await claimDirectory(await nameScratchDirectory('redis'));
    const server = new ScratchRedis(claim, distribution, { options, port: await findLoopbackPort() });
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      // The port was free a moment ago; somebody else may have been faster.
      if (attempt >= START_ATTEMPT_COUNT_MAX || !String(error).includes('Address already in use')) throw error;
    }
  }
}

interface RedisPlan {
  readonly options: PrivateRedisOptions;
  readonly port: number;
}

class ScratchRedis implements PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly #claim: DirectoryClaim;
  readonly #distribution: RedisDistribution;
  readonly #options: PrivateRedisOptions;
  readonly #logFile: string;
  #settings: Readonly<Record<string, string>>;
  #running: GuardedProcess | undefined;

  constructor(claim: DirectoryClaim, distribution: RedisDistribution, { options, port }: RedisPlan) {
    this.#claim = claim;
    this.#distribution = distribution;
    this.#options = options;
    this.#settings = options.settings ?? {};
    this.port = port;
    this.directory = claim.directory;
    this.#logFile = join(claim.directory, 'server.log');
    this.url = `${options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}/0`;
  }

  get isRunning(): boolean {
    return this.#running !== undefined && !this.#running.hasExited;
  }

  async stop(): Promise<void> {
    const server = this.#running;
    this.#running = undefined;
    if (server === undefined) return;
    server.sendSignal('SIGTERM');
    if (!(await server.waitForExit(STOP_TIMEOUT_MS))) await server.kill();
  }

  async kill(): Promise<void> {
    const server = this.#running;
    this.#running = undefined;
    await server?.kill();
  }

  async restart(settings?: Readonly<Record<string, string>>): Promise<void> {
    await this.stop();
    this.#settings = settings ?? this.#settings;
    const { libraryDirectories, program } = this.#distribution;
    const libraries = libraryDirectories.length === 0 ? {} : { LD_LIBRARY_PATH: libraryDirectories.join(':') };
    const server = await startGuardedProcess({
      command: [program, ...this.#arguments()],
      cwd: this.directory,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', ...libraries },
      logFile: this.#logFile,
      orphanSignal: 'TERM',
      scratchDirectory: this.directory,
    });
    this.#running = server;
    await this.#claim.recordServer(server);
    await this.#waitUntilReady(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #arguments(): readonly string[] {
    const { tls } = this.#options;
    const listen: Readonly<Record<string, string>> =
      tls === undefined
        ? { port: String(this.port) }
        : {
            port: '0',
            'tls-port': String(this.port),
            'tls-cert-file': tls.certFile,
            'tls-key-file': tls.keyFile,
            'tls-auth-clients': 'no',
          };
    const settings = { bind: '127.0.0.1', dir: this.directory, ...listen, ...defaultSettings, ...this.#settings };
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  }

  /** Redis says so in its log before it answers; a server that loads its file answers that it is loading. */
  async #waitUntilReady(server: GuardedProcess): Promise<void> {
    const deadline = systemClock.monotonicMs() + READY_TIMEOUT_MS;
    while (!server.hasExited && systemClock.monotonicMs() < deadline) {
      this.#options.signal?.throwIfAborted();
      if (readyLine(server).test(await this.#readLog()) && (await isListening(this.port))) return;
      await systemClock.sleep(10);
    }
    const log = await this.#readLog();
    await this.kill();
    throw new Error(`Redis did not start:\n${log.slice(-3000)}`);
  }

  async #readLog(): Promise<string> {
    return readFile(this.#logFile, 'utf8').catch(() => '');
  }
}

/** With the process number, because the log of the server before it stands in front. */
function readyLine(server: GuardedProcess): RegExp {
  return new RegExp(`^${server.identity.pid}:[MS] .*Ready to accept connections`, 'm');
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
