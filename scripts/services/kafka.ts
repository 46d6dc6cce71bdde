import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemRandom } from '../../src/foundation/random.ts';
import { type GuardedProcess, startGuardedProcess } from '../../src/postgres/guarded-process.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import { claimDirectory, type DirectoryClaim } from '../../src/postgres/server-directory.ts';
import { withPreparationLock } from './cache.ts';
import { type KafkaDistribution, openKafkaDistribution } from './kafka-distribution.ts';
import { waitForKafka } from './kafka-readiness.ts';
import {
  type ClusterMember,
  renderBrokerProperties,
  renderLogProperties,
  type TlsListenerFiles,
} from './kafka-settings.ts';
import { withProgress } from './progress.ts';
import { nameScratchDirectory } from './scratch.ts';

export { explainMissingKafka } from './kafka-distribution.ts';

const run = promisify(execFile);

/** A listener with TLS; texts are PEM. */
export interface TlsListener {
  readonly certificate: string;
  readonly key: string;
  /** Whose client certificates it asks for and accepts. Undefined: it asks for none. */
  readonly clientAuthority?: string;
}

export interface PrivateKafkaOptions {
  readonly signal?: AbortSignal;
  /** A second listener, which asks for this user name and password (SASL PLAIN, SCRAM) or an unsigned token (OAUTHBEARER). */
  readonly sasl?: { readonly username: string; readonly password: string };
  /** Further settings of the broker. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Further listeners, with TLS. */
  readonly tls?: readonly TlsListener[];
}

/** One broker in a scratch directory, on the same port for its whole life. */
export interface PrivateKafka extends AsyncDisposable {
  readonly brokers: readonly string[];
  /** The same broker's listener with SASL; empty when none was asked for. */
  readonly saslBrokers: readonly string[];
  /** The same broker's listeners with TLS, in the order asked for. */
  readonly tlsBrokers: readonly string[];
  readonly directory: string;
  readonly logFile: string;
  readonly isRunning: boolean;
  /** Stops the broker in order; it writes what it holds. */
  stop(): Promise<void>;
  /** Ends the broker with SIGKILL; the page cache survives. */
  kill(): Promise<void>;
  /** Starts again on the same port and data; a running broker is stopped in order first. */
  restart(): Promise<void>;
}

const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const START_ATTEMPT_COUNT_MAX = 3;
const JVM_FLAGS = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

/** Starts a Kafka of one's own and resolves when a transaction has been committed on it. */
export async function startScratchKafka(options: PrivateKafkaOptions): Promise<PrivateKafka> {
  const distribution = await openKafkaDistribution();
  await makeClassArchive(distribution);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startBroker(distribution, options);
    } catch (error) {
      // Both ports were free a moment ago; somebody else may have been faster.
      if (attempt >= START_ATTEMPT_COUNT_MAX || !String(error).includes('BindException')) throw error;
    }
  }
}

/** Class archive: halves the start. Made once per machine by a broker that starts and stops. */
async function makeClassArchive(distribution: KafkaDistribution): Promise<void> {
  if (await exists(distribution.archive)) return;
  const make = withPreparationLock(distribution.archive, async () => {
    if (await exists(distribution.archive)) return;
    const partial = `${distribution.archive}.partial`;
    await rm(partial, { force: true });
    const broker = await startBroker(distribution, { jvmFlags: [`-XX:ArchiveClassesAtExit=${partial}`] });
    await broker.stop();
    await broker[Symbol.asyncDispose]();
    // A Java that cannot write archives still runs Kafka, only slower: an empty file says not to try again.
    if (!(await exists(partial))) await writeFile(partial, '');
    await rename(partial, distribution.archive);
  });
  await withProgress('preparing a faster start of Kafka', make);
}

/** Several brokers that keep copies of each other's partitions. */
export interface PrivateKafkaCluster extends AsyncDisposable {
  /** Of all of them. */
  readonly brokers: readonly string[];
  readonly nodes: readonly PrivateKafka[];
}

/** Starts brokers that keep a copy of every partition each, and resolves when each of them has committed a transaction. */
export async function startScratchKafkaCluster(
  nodeCount: number,
  options: Pick<PrivateKafkaOptions, 'signal' | 'settings'> = {},
): Promise<PrivateKafkaCluster> {
  const distribution = await openKafkaDistribution();
  await makeClassArchive(distribution);
  const clusterId = createClusterId();
  const numbers = Array.from({ length: nodeCount }, (_, index) => index);
  const controllerPorts = await Promise.all(numbers.map(() => findLoopbackPort()));
  await using opened = new AsyncDisposableStack();
  const start = async (nodeId: number): Promise<PrivateKafka> =>
    opened.use(await startBroker(distribution, { ...options, member: { clusterId, nodeId, controllerPorts } }));
  // None is ready before most of them are there.
  const started = await Promise.allSettled(numbers.map((index) => start(index + 1)));
  const nodes = started.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
  const kept = opened.move();
  return {
    brokers: nodes.flatMap(({ brokers }) => brokers),
    nodes,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

interface BrokerOptions extends PrivateKafkaOptions {
  readonly jvmFlags?: readonly string[];
  readonly member?: ClusterMember;
}

async function startBroker(distribution: KafkaDistribution, options: BrokerOptions): Promise<PrivateKafka> {
  const claim = await claimDirectory(await nameScratchDirectory('kafka'));
  const broker = new ScratchBroker(claim, distribution, {
    options,
    port: await findLoopbackPort(),
    controllerPort: options.member?.controllerPorts[options.member.nodeId - 1] ?? (await findLoopbackPort()),
    sasl: options.sasl === undefined ? undefined : { ...options.sasl, port: await findLoopbackPort() },
    tlsPorts: await Promise.all((options.tls ?? []).map(() => findLoopbackPort())),
  });
  try {
    await broker.format();
    await broker.restart();
    return broker;
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
}

interface BrokerPlan {
  readonly options: BrokerOptions;
  readonly port: number;
  readonly controllerPort: number;
  readonly sasl: { readonly port: number; readonly username: string; readonly password: string } | undefined;
  readonly tlsPorts: readonly number[];
}

class ScratchBroker implements PrivateKafka {
  readonly brokers: readonly string[];
  readonly saslBrokers: readonly string[];
  readonly tlsBrokers: readonly string[];
  readonly directory: string;
  readonly logFile: string;
  readonly #claim: DirectoryClaim;
  readonly #distribution: KafkaDistribution;
  readonly #plan: BrokerPlan;
  readonly #properties: string;
  readonly #logProperties: string;
  #running: GuardedProcess | undefined;
  /** One change at a time: two brokers on one directory destroy it. */
  #latest: Promise<void> = Promise.resolve();
  #isDisposed = false;

  constructor(claim: DirectoryClaim, distribution: KafkaDistribution, plan: BrokerPlan) {
    this.directory = claim.directory;
    this.brokers = [`127.0.0.1:${plan.port}`];
    this.saslBrokers = plan.sasl === undefined ? [] : [`127.0.0.1:${plan.sasl.port}`];
    this.tlsBrokers = plan.tlsPorts.map((port) => `127.0.0.1:${port}`);
    this.logFile = join(this.directory, 'server.log');
    this.#claim = claim;
    this.#distribution = distribution;
    this.#plan = plan;
    this.#properties = join(this.directory, 'server.properties');
    this.#logProperties = join(this.directory, 'log4j2.properties');
  }

  get isRunning(): boolean {
    return this.#running !== undefined && !this.#running.hasExited;
  }

  /** Writes the settings and makes the empty cluster. */
  async format(): Promise<void> {
    const dataDirectory = join(this.directory, 'data');
    await mkdir(dataDirectory);
    const tls = await Promise.all(this.#plan.tlsPorts.map((port, index) => this.#writeTlsFiles(port, index)));
    const { member, settings } = this.#plan.options;
    await writeFile(this.#properties, renderBrokerProperties({ ...this.#plan, tls, dataDirectory, member, settings }));
    await writeFile(this.#logProperties, renderLogProperties());
    const [java, ...flags] = this.#javaCommand([]);
    const format = [
      'kafka.tools.StorageTool',
      'format',
      ...(member === undefined ? ['--standalone'] : []),
      '-t',
      member?.clusterId ?? createClusterId(),
      '-c',
      this.#properties,
      ...this.#scramArguments(),
    ];
    const { signal } = this.#plan.options;
    await run(java, [...flags, ...format], signal === undefined ? {} : { signal });
  }

  async #writeTlsFiles(port: number, index: number): Promise<TlsListenerFiles> {
    const { certificate = '', clientAuthority, key = '' } = this.#plan.options.tls?.[index] ?? {};
    const keyStore = join(this.directory, `tls-${index}.pem`);
    await writeFile(keyStore, `${key}${certificate}`, { mode: 0o600 });
    if (clientAuthority === undefined) return { port, keyStore, trustStore: undefined };
    const trustStore = join(this.directory, `tls-${index}-clients.pem`);
    await writeFile(trustStore, clientAuthority);
    return { port, keyStore, trustStore };
  }

  /** The users of SCRAM live in the cluster's own metadata. */
  #scramArguments(): readonly string[] {
    const { sasl } = this.#plan;
    if (sasl === undefined) return [];
    return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${sasl.username},password=${sasl.password}]`,
    ]);
  }

  stop(): Promise<void> {
    return this.#enqueue(() => this.#stop());
  }

  /** At once, whatever is under way; that is then over soon. */
  async kill(): Promise<void> {
    await this.#running?.kill();
    await this.#enqueue(() => this.#kill());
  }

  restart(): Promise<void> {
    return this.#enqueue(() => this.#restart());
  }

  #enqueue(change: () => Promise<void>): Promise<void> {
    const changed = this.#latest.then(change);
    this.#latest = changed.catch(() => undefined);
    return changed;
  }

  async #stop(): Promise<void> {
    const server = this.#running;
    if (server === undefined) return;
    server.sendSignal('SIGTERM');
    if (!(await server.waitForExit(STOP_TIMEOUT_MS))) await server.kill();
    this.#running = undefined;
  }

  async #kill(): Promise<void> {
    await this.#running?.kill();
    this.#running = undefined;
  }

  async #restart(): Promise<void> {
    await this.#stop();
    if (this.#isDisposed) throw new Error('the broker was given up');
    const server = await startGuardedProcess({
      command: [...this.#javaCommand(this.#plan.options.jvmFlags ?? []), 'kafka.Kafka', this.#properties],
      cwd: this.directory,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      logFile: this.logFile,
      orphanSignal: 'TERM',
      scratchDirectory: this.directory,
    });
    this.#running = server;
    await this.#claim.recordServer(server);
    await this.#waitUntilReady(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  async #waitUntilReady(server: GuardedProcess): Promise<void> {
    const { signal } = this.#plan.options;
    try {
      await waitForKafka({
        brokers: this.brokers,
        timeoutMs: READY_TIMEOUT_MS,
        assertAlive: () => {
          if (server.hasExited) throw new Error('the broker ended while starting');
        },
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      await this.#kill();
      const log = await readFile(this.logFile, 'utf8').catch(() => '');
      throw new Error(`Kafka did not start: ${String(error)}\n${log.slice(-3000)}`, { cause: error });
    }
  }

  #javaCommand(jvmFlags: readonly string[]): [string, ...string[]] {
    const { archive, java, libraries } = this.#distribution;
    const isArchiving = jvmFlags.length > 0;
    return [
      java,
      ...JVM_FLAGS,
      ...(isArchiving ? jvmFlags : ['-Xshare:auto', `-XX:SharedArchiveFile=${archive}`]),
      `-Dlog4j2.configurationFile=${this.#logProperties}`,
      '-cp',
      `${libraries}/*`,
    ];
  }
}

/** 16 random bytes in URL-safe base64; Kafka refuses an id that begins with a dash. */
function createClusterId(): string {
  const id = Buffer.from(systemRandom.bytes(16)).toString('base64url');
  return id.startsWith('-') ? createClusterId() : id;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
