import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { TestTopics } from '../../../src/delivery/sinks/kafka/testing/test-topics.ts';
import { withBroker } from '../../../src/delivery/sinks/rabbitmq/testing/test-broker.ts';
import { systemClock } from '../../../src/foundation/clock.ts';
import { nodeDisk } from '../../../src/foundation/node-disk.ts';
import { createSeededRandom } from '../../../src/foundation/random.ts';
import { verifyJournal } from '../../../src/journal/embedded/verify-journal.ts';
import { findLoopbackPort } from '../../../src/postgres/loopback-port.ts';
import type { ParkedJson, ParkedLaneJson } from '../../../src/service/parked-json.ts';
import type { StatusReport } from '../../../src/service/status-report.ts';
import { HeadwaterProcess } from '../../stage/headwater-process.ts';
import { isDrained, readEndLsn, withClient } from '../drain.ts';
import { qualifiedName } from '../pgbench-tables.ts';
import { type Comparison, StoreComparison } from './compare-stores.ts';
import { judgeSamples, sampleProcess } from './process-samples.ts';
import { partitionCount } from './read-stores.ts';
import type { SoakSettings } from './soak-config.ts';
import { planSoak, type SoakStep } from './soak-plan.ts';
import type { ParkedCount, ProcessSample, SoakOptions, SoakReport } from './soak-report.ts';
import { SoakServers, soakSecret } from './soak-servers.ts';
import { handlerSql, recordBytesMax, refusedType, soakTables, sourceSql } from './soak-tables.ts';
import { SoakWriter } from './soak-writer.ts';

const drainTimeoutMs = 300_000;
const minuteMs = 60_000;
/** Samples a run; at most so far apart that a minute has several. */
const sampleCount = 60;
const sampleGapMsMax = 15_000;
const segmentBytes = 1_048_576;
/** The journal is to stay small, so that its size is a sum of segments that come and go. */
const minimumAgeMs = 30_000;
/** How bodies of the refused type begin. */
const refusedFragment = `"type":"${refusedType}"`;

/** Runs the soak from start to end. Nothing is left running, whatever happens. Rejects with `signal.reason` on cancel. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { note, seed, signal } = options;
  note(`seed ${seed}; starting two PostgreSQL, Kafka, Redis, NATS, RabbitMQ and a receiver of webhooks`);
  await using servers = await SoakServers.start(signal);
  const directory = await mkdtemp(join(tmpdir(), 'headwater-soak-'));
  let isWell = false;
  try {
    await using soak = await Soak.prepare(options, servers, directory);
    const report = await soak.run();
    isWell = report.ok;
    return report;
  } finally {
    // Half an hour is not spent again for a look at the log.
    if (isWell || signal.aborted) await rm(directory, { recursive: true, force: true });
    else note(`kept for a look: ${directory}`);
  }
}

class Soak implements AsyncDisposable {
  readonly #options: SoakOptions;
  readonly #servers: SoakServers;
  readonly #settings: SoakSettings;
  readonly #runMs: number;
  readonly #headwater: HeadwaterProcess;
  readonly #writer: SoakWriter;
  readonly #comparison: StoreComparison;
  readonly #kills: Record<string, number> = {};
  readonly #samples: ProcessSample[] = [];
  readonly #problems: string[] = [];
  #startedMs = 0;

  private constructor(options: SoakOptions, servers: SoakServers, settings: SoakSettings) {
    const { directory } = settings;
    this.#options = options;
    this.#servers = servers;
    this.#settings = settings;
    this.#runMs = options.minutes * minuteMs;
    this.#writer = new SoakWriter(servers.source.url, createSeededRandom(options.seed + 1));
    this.#comparison = new StoreComparison({ servers, directory, stream: settings.stream, queue: settings.queue });
    this.#headwater = new HeadwaterProcess({
      configFile: join(directory, '..', 'headwater.config.mjs'),
      httpPort: settings.httpPort,
      logFile: join(directory, '..', 'headwater.log'),
    });
  }

  static async prepare(options: SoakOptions, servers: SoakServers, directory: string): Promise<Soak> {
    const settings: SoakSettings = {
      sourceUrl: servers.reroute('source', servers.source.url),
      mirrorUrl: servers.reroute('mirror', servers.mirror.url),
      brokers: servers.kafka.brokers,
      redisUrl: servers.reroute('redis', servers.redis.url),
      natsServers: `127.0.0.1:${servers.portOf('nats')}`,
      stream: 'SOAK',
      rabbitmqServers: `127.0.0.1:${servers.portOf('rabbitmq')}`,
      exchange: 'soak',
      queue: 'soak',
      webhookUrl: `http://127.0.0.1:${servers.portOf('webhook')}/soak`,
      webhookSecret: soakSecret,
      directory: join(directory, 'stores'),
      journalDirectory: join(directory, 'journal'),
      segmentBytes,
      minimumAgeMs,
      httpPort: await findLoopbackPort(),
      mendedFile: join(directory, 'mended'),
      recordBytesMax,
    };
    await mkdir(settings.directory);
    await withClient(servers.source.url, (client) => client.query(sourceSql));
    await withClient(servers.mirror.url, (client) => client.query(handlerSql));
    await using topics = await TestTopics.open(servers.kafka.brokers);
    for (const topic of [...soakTables.map(qualifiedName), 'events']) await topics.createNamed(topic, partitionCount);
    await withBroker(servers.rabbitmq.url, async (broker) => {
      await broker.createExchange(settings.exchange);
      await broker.createQueue(settings.queue);
      await broker.channel.bindQueue(settings.queue, settings.exchange, '#');
    });
    servers.webhook.refuse(refusedFragment);
    return new Soak(options, servers, settings);
  }

  async run(): Promise<SoakReport> {
    const { minutes, note, seed } = this.#options;
    const beganMs = systemClock.monotonicMs();
    await this.#start(recordBytesMax);
    this.#startedMs = systemClock.monotonicMs();
    await this.#load();
    note('the load is over; waiting for the lanes');
    const drainBeganMs = systemClock.monotonicMs();
    await this.#drain();
    const drainSeconds = secondsSince(drainBeganMs);
    const parked = await this.#listParked();
    this.#report('before the mend', await this.#comparison.compare(parked));
    await this.#mend('restart', undefined);
    await this.#drain();
    const compared = await this.#comparison.compare(await this.#listParked());
    this.#report('after the mend', compared);
    await this.#headwater.stop();
    const verified = await verifyJournal(this.#settings.journalDirectory, { disk: nodeDisk });
    if (verified.problem !== undefined) this.#problems.push(`the journal: ${verified.problem.message}`);
    const slopes = judgeSamples(this.#samples, this.#runMs, segmentBytes);
    for (const [name, { verdict }] of Object.entries(slopes))
      if (verdict === 'rising') this.#problems.push(`${name} is not flat`);
    return {
      ok: this.#problems.length === 0,
      seed,
      minutes,
      changes: this.#writer.rowCount,
      kills: this.#kills,
      rows: compared.rows,
      records: compared.records,
      parked: countParked(parked),
      slopes,
      samples: this.#samples.filter((sample, index) => index === 0 || this.#isNewMinute(index, sample)),
      drainSeconds,
      seconds: secondsSince(beganMs),
      problems: this.#problems,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#headwater[Symbol.asyncDispose]();
  }

  /** The writer, the plan and the samples side by side, until the time is over. */
  async #load(): Promise<void> {
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#options.signal]);
    const writing = this.#writer.run(signal);
    const sampling = this.#sampleUntil(signal);
    try {
      for (const step of planSoak(this.#options.seed, this.#runMs)) {
        await this.#waitUntil(step.atMs);
        // On a machine that is behind, restarts take longer than the plan thinks; what is parked at the end is wanted all the same.
        if (this.#elapsedMs() < this.#runMs || step.kind === 'poison') await this.#perform(step);
      }
      await this.#waitUntil(this.#runMs);
      await waitUntil('every poisoned record is written', () => this.#writer.isPoisonWritten);
    } finally {
      ending.abort();
      await Promise.allSettled([writing, sampling]);
    }
  }

  async #perform(step: SoakStep): Promise<void> {
    if (!this.#headwater.isRunning) throw new Error(`Headwater ended by itself\n${this.#headwater.logEnd()}`);
    switch (step.kind) {
      case 'poison':
        this.#writer.poison(step.poison);
        return;
      case 'mend':
        await this.#mend(step.how, recordBytesMax);
        return;
      case 'disturb': {
        const name = `${step.target}.${step.how}`;
        this.#kills[name] = (this.#kills[name] ?? 0) + 1;
        if (step.target !== 'headwater') await this.#servers.disturb(step.target, step.how);
        else {
          await (step.how === 'kill' ? this.#headwater.kill() : this.#stopOnceUp());
          this.#headwater.start();
        }
      }
    }
  }

  /** SIGTERM ends a Node that has not yet run a line of ours by the signal itself, which says nothing. */
  async #stopOnceUp(): Promise<void> {
    await this.#headwater.waitFor('it answers', () => true, { signal: this.#options.signal });
    await this.#headwater.stop();
  }

  /** What was refused is taken from now on, and tried again; afterwards limits and refusals are as they are told to be. */
  async #mend(how: 'restart' | 'in-place', limit: number | undefined): Promise<void> {
    this.#options.note(`mending what is parked (${how})`);
    await writeFile(this.#settings.mendedFile, '');
    this.#servers.webhook.refuseNothing();
    if (how === 'restart') {
      await this.#stopOnceUp();
      await this.#start(undefined);
    }
    await this.#headwater.command('parked', 'retry', '--all');
    await this.#headwater.waitFor(
      'nothing is parked any more',
      ({ lanes }) => lanes.every(({ parkedRecordCount }) => parkedRecordCount === 0),
      { timeoutMs: drainTimeoutMs, signal: this.#options.signal },
    );
    if (limit === undefined) return;
    await rm(this.#settings.mendedFile);
    this.#servers.webhook.refuse(refusedFragment);
    if (how === 'in-place') return;
    await this.#headwater.stop();
    await this.#start(limit);
  }

  async #start(limit: number | undefined): Promise<void> {
    const module = new URL('./soak-config.ts', import.meta.url).href;
    const settings: SoakSettings = { ...this.#settings, recordBytesMax: limit };
    const text = `import { createSoakConfig } from ${JSON.stringify(module)};\nexport default createSoakConfig(${JSON.stringify(settings)});\n`;
    await writeFile(join(this.#settings.directory, '..', 'headwater.config.mjs'), text, { mode: 0o600 });
    this.#headwater.start();
    await this.#headwater.waitFor('all is running', ({ state }) => state === 'running', {
      signal: this.#options.signal,
    });
  }

  async #drain(): Promise<void> {
    const endLsn = await readEndLsn(this.#servers.source.url);
    await this.#headwater.waitFor('the lanes have drained', (status) => isDrained(status, endLsn), {
      timeoutMs: drainTimeoutMs,
      signal: this.#options.signal,
    });
  }

  async #listParked(): Promise<readonly ParkedLaneJson[]> {
    return ((await this.#headwater.command('parked', 'list')) as ParkedJson).lanes;
  }

  #report(when: string, { problems }: Comparison): void {
    this.#options.note(`compared ${when}: ${problems.length} problem(s)`);
    this.#problems.push(...problems.map((problem) => `${when}: ${problem}`));
  }

  async #sampleUntil(signal: AbortSignal): Promise<void> {
    const gapMs = Math.min(sampleGapMsMax, this.#runMs / sampleCount);
    let minute = 0;
    while (!signal.aborted) {
      const { pid } = this.#headwater;
      const sample = pid && (await sampleProcess(pid, this.#settings.journalDirectory, this.#elapsedMs()));
      if (sample) this.#samples.push(sample);
      if (sample && this.#elapsedMs() >= (minute + 1) * minuteMs) {
        minute += 1;
        this.#noteMinute(minute, sample, await this.#headwater.status());
      }
      await systemClock.sleep(gapMs, signal).catch(() => undefined);
    }
  }

  #noteMinute(minute: number, sample: ProcessSample, status: StatusReport | undefined): void {
    const lags = status?.lanes.map(({ backlogTransactions, name, parkedRecordCount, state }) => {
      const parked = parkedRecordCount === 0 ? '' : ` (${parkedRecordCount} parked)`;
      return `${name} ${state === 'running' ? '' : `${state} `}${backlogTransactions}${parked}`;
    });
    const killed = Object.values(this.#kills).reduce((sum, count) => sum + count, 0);
    this.#options.note(
      `minute ${minute}: ${this.#writer.rowCount} changes, ${killed} kills, ${megabytes(sample.memoryBytes)} MB, ` +
        `${sample.descriptors} descriptors, journal ${megabytes(sample.journalBytes)} MB; behind: ${lags?.join(', ') ?? 'no answer'}`,
    );
  }

  #isNewMinute(index: number, { atMs }: ProcessSample): boolean {
    const before = this.#samples[index - 1]?.atMs ?? 0;
    return Math.floor(atMs / minuteMs) !== Math.floor(before / minuteMs);
  }

  async #waitUntil(atMs: number): Promise<void> {
    await systemClock.sleep(Math.max(0, atMs - this.#elapsedMs()), this.#options.signal);
    this.#options.signal.throwIfAborted();
  }

  #elapsedMs(): number {
    return systemClock.monotonicMs() - this.#startedMs;
  }
}

function countParked(lanes: readonly ParkedLaneJson[]): Readonly<Record<string, ParkedCount>> {
  return Object.fromEntries(
    lanes.map(({ keys, lane, waiting }) => [lane, { keys: keys.length, waiting: waiting.length }]),
  );
}

function secondsSince(beganMs: number): number {
  return Math.round((systemClock.monotonicMs() - beganMs) / 100) / 10;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
