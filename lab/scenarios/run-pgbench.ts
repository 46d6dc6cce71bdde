import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findPostgresTool } from '../../scripts/services/postgres-tools.ts';
import { explainMissingPostgres, startScratchPostgres } from '../../scripts/services/postgres.ts';
import { explainMissingKafka, startScratchKafka } from '../../scripts/services/kafka.ts';
import { TestTopics } from '../../src/delivery/sinks/kafka/testing/test-topics.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { createSeededRandom } from '../../src/foundation/random.ts';
import { verifyJournal } from '../../src/journal/embedded/verify-journal.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import type { StatusReport } from '../../src/service/status-report.ts';
import { HeadwaterProcess } from '../stage/headwater-process.ts';
import { isDrained, readEndLsn, withClient } from './drain.ts';
import { type KillPlan, planKills } from './kill-plan.ts';
import type { PgbenchSettings } from './pgbench-config.ts';
import type { Kill, PgbenchOptions, PgbenchReport } from './pgbench-report.ts';
import { pgbenchTables, qualifiedName } from './pgbench-tables.ts';
import { isSameSum, type TableSum } from './row-sum.ts';
import { sumTables } from './sum-tables.ts';
import { TopicFold } from './topic-fold.ts';

const partitionCount = 3;
const clientCount = 8;
/** The load is one transaction. */
const loadTransactionCount = 1;
const leastKillCount = 10;
const leastLoadKillCount = 2;
const drainTimeoutMs = 600_000;
/** How long pgbench runs alone before Headwater comes. */
const headStartMs = 3000;
const copyKillCount = 4;

/** Runs the scenario from start to end. Nothing is left running, whatever happens. Rejects with `signal.reason` on cancel. */
export async function runPgbenchScenario(options: PgbenchOptions): Promise<PgbenchReport> {
  const { major, note, seed, signal } = options;
  note(`seed ${seed}`);
  const tool = await findPostgresTool('pgbench');
  if (tool.kind === 'missing') throw new Error(tool.reason);
  const missing = (await explainMissingPostgres(major)) ?? (await explainMissingKafka());
  if (missing !== undefined) throw new Error(missing);
  note(`starting two PostgreSQL ${major} and Kafka`);
  const [sourceStart, mirrorStart, kafkaStart] = await Promise.allSettled([
    startScratchPostgres({ major, signal }),
    startScratchPostgres({ major, signal }),
    startScratchKafka({ signal }),
  ]);
  await using sourceServer = sourceStart.status === 'fulfilled' ? sourceStart.value : undefined;
  await using mirrorServer = mirrorStart.status === 'fulfilled' ? mirrorStart.value : undefined;
  await using kafka = kafkaStart.status === 'fulfilled' ? kafkaStart.value : undefined;
  for (const start of [sourceStart, mirrorStart, kafkaStart]) if (start.status === 'rejected') throw start.reason;
  if (sourceServer === undefined || mirrorServer === undefined || kafka === undefined)
    throw new Error('a server is missing');
  const directory = await mkdtemp(join(tmpdir(), 'headwater-pgbench-'));
  try {
    const settings: PgbenchSettings = {
      sourceUrl: sourceServer.url,
      mirrorUrl: mirrorServer.url,
      brokers: kafka.brokers,
      journalDirectory: join(directory, 'journal'),
      httpPort: await findLoopbackPort(),
    };
    await using scenario = new PgbenchScenario(options, { settings, directory, program: tool.path });
    return await scenario.run();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Stage {
  readonly settings: PgbenchSettings;
  readonly directory: string;
  /** pgbench. */
  readonly program: string;
}

class PgbenchScenario implements AsyncDisposable {
  readonly #options: PgbenchOptions;
  readonly #stage: Stage;
  readonly #plan: KillPlan;
  readonly #headwater: HeadwaterProcess;
  readonly #kills: Kill[] = [];
  #phase: Kill['phase'] = 'load';
  #startedMs = 0;
  #copiedRows = 0;

  constructor(options: PgbenchOptions, stage: Stage) {
    this.#options = options;
    this.#stage = stage;
    this.#plan = planKills(createSeededRandom(options.seed), options.seconds * 1000);
    this.#headwater = new HeadwaterProcess({
      configFile: join(stage.directory, 'headwater.config.mjs'),
      httpPort: stage.settings.httpPort,
      logFile: join(stage.directory, 'headwater.log'),
    });
  }

  async run(): Promise<PgbenchReport> {
    const { isExisting, scale, seed } = this.#options;
    const beganMs = systemClock.monotonicMs();
    await this.#prepare();
    if (!isExisting) await this.#startHeadwater();
    this.#startedMs = systemClock.monotonicMs();
    const loadSeconds = await this.#load();
    const transactions = isExisting ? await this.#runBeforeHeadwater() : await this.#runBesideHeadwater();
    const endedSeconds = this.#elapsedSeconds();
    const commits = await this.#drain(transactions);
    const drainSeconds = roundSeconds(this.#elapsedSeconds() - endedSeconds);
    await this.#headwater.stop();
    const tables = await this.#compare();
    const problems = [...(await this.#judgeRun(transactions, commits)), ...judgeTables(tables)];
    return {
      ok: problems.length === 0,
      seed,
      scale,
      transactions,
      commits,
      copiedRows: this.#copiedRows,
      kills: this.#kills,
      tables,
      peakMemoryMb: toMegabytes(this.#headwater.peakMemoryBytes),
      loadSeconds: roundSeconds(loadSeconds),
      drainSeconds,
      seconds: roundSeconds((systemClock.monotonicMs() - beganMs) / 1000),
      problems,
    };
  }

  async #load(): Promise<number> {
    const { isExisting, note, scale } = this.#options;
    note('pgbench loads');
    const loading = this.#pgbench(['-I', 'g', '-s', String(scale)]);
    await (isExisting ? loading : this.#whileKilling(this.#plan.load, loading));
    return this.#elapsedSeconds();
  }

  async #runBesideHeadwater(): Promise<number> {
    this.#options.note(`pgbench runs for ${this.#options.seconds} s`);
    this.#phase = 'run';
    return countTransactions(await this.#whileKilling(this.#plan.run, this.#pgbench(this.#workload())));
  }

  /** pgbench is at work when Headwater comes for the first time, and while it copies; it is killed in the copy, too. */
  async #runBeforeHeadwater(): Promise<number> {
    const { note, seconds, seed, signal } = this.#options;
    note(`pgbench runs for ${seconds} s`);
    const running = this.#pgbench(this.#workload());
    // Whoever fails first is heard; the other one ends with the signal.
    running.catch(() => undefined);
    await systemClock.sleep(headStartMs, signal);
    this.#phase = 'copy';
    await this.#startHeadwater();
    const random = createSeededRandom(seed + 1);
    const pauses = Array.from({ length: copyKillCount }, () => 300 + random.next() * 1200);
    let atMs = 0;
    await this.#killAt(
      pauses.map((pauseMs) => (atMs += pauseMs)),
      signal,
    );
    this.#phase = 'run';
    const leftMs = Math.max(0, seconds * 1000 - (this.#elapsedSeconds() * 1000 + 1000));
    const moments = this.#plan.run.map((momentMs) => (momentMs * leftMs) / (seconds * 1000));
    return countTransactions(await this.#whileKilling(moments, running));
  }

  #workload(): readonly string[] {
    const { seconds } = this.#options;
    return [
      '-n',
      '-b',
      'tpcb-like@8',
      '-b',
      'simple-update@2',
      '-c',
      String(clientCount),
      '-j',
      '2',
      '-T',
      String(seconds),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#headwater[Symbol.asyncDispose]();
  }

  /** Empty tables with their keys, topics, and a Headwater that streams before the first row comes. */
  async #prepare(): Promise<void> {
    const { directory, settings } = this.#stage;
    await this.#pgbench(['-I', 'dtp']);
    // A table without a key is published only so: Headwater refuses it otherwise, and names this statement.
    await withClient(settings.sourceUrl, (client) => client.query('alter table pgbench_history replica identity full'));
    await using topics = await TestTopics.open(settings.brokers);
    for (const table of pgbenchTables) await topics.createNamed(qualifiedName(table), partitionCount);
    const module = new URL('./pgbench-config.ts', import.meta.url).href;
    const text = `import { createPgbenchConfig } from ${JSON.stringify(module)};\nexport default createPgbenchConfig(${JSON.stringify(settings)});\n`;
    await writeFile(join(directory, 'headwater.config.mjs'), text, { mode: 0o600 });
  }

  async #startHeadwater(): Promise<void> {
    const { note, signal } = this.#options;
    note('Headwater starts');
    this.#headwater.start();
    await this.#headwater.waitFor('all is running', ({ state }) => state === 'running', { signal });
  }

  /** Kills Headwater at the planned moments, and starts it again at once, as long as the work goes on. */
  async #whileKilling<Value>(momentsMs: readonly number[], work: Promise<Value>): Promise<Value> {
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#options.signal]);
    const killing = this.#killAt(momentsMs, signal);
    try {
      return await work;
    } finally {
      ending.abort();
      await killing;
    }
  }

  async #killAt(momentsMs: readonly number[], signal: AbortSignal): Promise<void> {
    const beganMs = systemClock.monotonicMs();
    for (const moment of momentsMs) {
      const waitMs = Math.max(0, beganMs + moment - systemClock.monotonicMs());
      const isOver = await systemClock.sleep(waitMs, signal).then(
        () => signal.aborted,
        () => true,
      );
      if (isOver) return;
      const kill = { phase: this.#phase, atSeconds: roundSeconds(this.#elapsedSeconds()) };
      await this.#headwater.kill();
      this.#headwater.start();
      this.#kills.push(kill);
      this.#options.note(`killed in the ${kill.phase} at ${kill.atSeconds} s`);
    }
  }

  /** Waits until every lane has acknowledged the last commit of pgbench; returns how many the journal holds then. */
  async #drain(transactions: number): Promise<number> {
    const { isExisting, note, signal } = this.#options;
    const expected = isExisting ? 1n : BigInt(transactions + loadTransactionCount);
    const endLsn = await readEndLsn(this.#stage.settings.sourceUrl);
    note(`Headwater delivers what is left of ${transactions} transactions`);
    const isReached = (status: StatusReport): boolean =>
      BigInt(status.journal.lastSequence) >= expected && isDrained(status, endLsn);
    const status = await this.#headwater.waitFor('the lanes have drained', isReached, {
      timeoutMs: drainTimeoutMs,
      signal,
    });
    return Number(status.journal.lastSequence) - Number(status.journal.firstSequence) + 1;
  }

  async #compare(): Promise<PgbenchReport['tables']> {
    const { mirrorUrl, sourceUrl } = this.#stage.settings;
    this.#options.note('comparing');
    const source = await sumTables(sourceUrl, pgbenchTables);
    const mirror = await sumTables(mirrorUrl, pgbenchTables);
    const tables: Record<string, Record<'source' | 'mirror' | 'kafka', TableSum>> = {};
    await using topics = await TestTopics.open(this.#stage.settings.brokers);
    for (const [index, table] of pgbenchTables.entries()) {
      const fold = new TopicFold(table, this.#options.isExisting);
      for (let partition = 0; partition < partitionCount; partition += 1) {
        for await (const record of topics.consume(qualifiedName(table), partition)) fold.take(record);
      }
      this.#copiedRows += fold.readCount;
      const none: TableSum = { rows: 0, checksum: 'missing' };
      tables[table.name] = { source: source[index] ?? none, mirror: mirror[index] ?? none, kafka: fold.total };
    }
    return tables;
  }

  async #judgeRun(transactions: number, commits: number): Promise<readonly string[]> {
    const problems: string[] = [];
    const expected = transactions + loadTransactionCount;
    const { isExisting } = this.#options;
    // On a database that was there before, the journal holds chunks too, and not what was committed before.
    if (!isExisting && commits !== expected)
      problems.push(`the journal holds ${commits} commits, pgbench made ${expected}`);
    if (this.#kills.length < leastKillCount) problems.push(`only ${this.#kills.length} kills`);
    const early = isExisting ? 'copy' : 'load';
    const earlyKillCount = this.#kills.filter(({ phase }) => phase === early).length;
    if (earlyKillCount < leastLoadKillCount)
      problems.push(`only ${earlyKillCount} kills during the ${early}: take a larger scale`);
    if (isExisting && this.#copiedRows === 0) problems.push('no row came by copy');
    const verified = await verifyJournal(this.#stage.settings.journalDirectory, { disk: nodeDisk });
    if (verified.problem !== undefined) problems.push(`the journal: ${verified.problem.message}`);
    return problems;
  }

  async #pgbench(words: readonly string[]): Promise<string> {
    const { program, settings } = this.#stage;
    const initializes = words[0] === '-I' ? ['-i'] : [];
    const child = spawn(program, [...initializes, ...words, settings.sourceUrl], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: this.#options.signal,
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors = (errors + chunk).slice(-4000)));
    const [code] = (await once(child, 'close')) as [number | null];
    this.#options.signal.throwIfAborted();
    if (code !== 0) throw new Error(`pgbench ended with ${code}: ${errors}`);
    return output;
  }

  #elapsedSeconds(): number {
    return (systemClock.monotonicMs() - this.#startedMs) / 1000;
  }
}

function countTransactions(output: string): number {
  return Number(/number of transactions actually processed: (\d+)/.exec(output)?.[1]);
}

function judgeTables(tables: PgbenchReport['tables']): readonly string[] {
  return Object.entries(tables).flatMap(([name, { kafka, mirror, source }]) => {
    if (source.rows === 0) return [`${name} is empty`];
    return isSameSum([source, mirror, kafka]) ? [] : [`${name} differs between source, mirror and Kafka`];
  });
}

function roundSeconds(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

function toMegabytes(bytes: number | undefined): number | null {
  return bytes === undefined ? null : Math.round(bytes / 1_048_576);
}
