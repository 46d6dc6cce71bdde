import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createTestDatabase, kafkaBrokers, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { TestTopics } from '../../src/delivery/sinks/kafka/testing/test-topics.ts';
import { systemClock } from '../../src/foundation/clock.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import { createSeededRandom, type Random } from '../../src/foundation/random.ts';
import { verifyJournal, type VerifyReport } from '../../src/journal/embedded/verify-journal.ts';
import { parseLsn } from '../../src/model/lsn.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';
import { HeadwaterProcess } from '../stage/headwater-process.ts';
import type { CrashSettings } from './crash-config.ts';
import { armFileVariable, type CrashMark, type CrashStep, markFileVariable } from './crash-step.ts';
import { effectSql, parseVersion, Shop, shopSql, shopTables } from './shop.ts';

const partitionCount = 3;
/** How late a step may come; confirmations are sent about once a second. */
const occurrenceMax = { confirmation: 2, other: 6 } as const;
const tradesAfterCrash = 5;
/** Time for the servers between two trades: a kill is wanted at a step, not below a backlog. */
const tradePauseMs = 4;
const crashTimeoutMs = 30_000;
const preload = new URL('./kill-at-step.ts', import.meta.url).href;

/** A kill, and whether it fell where it was meant to. */
export type CrashOutcome = { readonly kind: 'inside' } | { readonly kind: 'outside'; readonly reason: string };

/**
 * A real `headwater run` with all three sinks between real servers, an application that goes on trading, and the questions that
 * are put to every store afterwards.
 */
export class CrashStage implements AsyncDisposable {
  readonly #source: TestDatabase;
  readonly #target: TestDatabase;
  readonly #topics: TestTopics;
  readonly #directory: string;
  readonly #settings: CrashSettings;
  readonly #headwater: HeadwaterProcess;
  readonly #shop: Shop;
  readonly #random: Random;

  private constructor(parts: StageParts) {
    const { directory, random, settings, shop, source, target, topics } = parts;
    this.#source = source;
    this.#target = target;
    this.#topics = topics;
    this.#directory = directory;
    this.#settings = settings;
    this.#random = random;
    this.#shop = shop;
    this.#headwater = new HeadwaterProcess({
      configFile: join(directory, 'headwater.config.mjs'),
      httpPort: settings.httpPort,
      logFile: join(directory, 'headwater.log'),
      preload,
      environment: { [armFileVariable]: this.#armFile, [markFileVariable]: this.#markFile },
    });
  }

  /** Opens empty databases and topics, and starts Headwater. */
  static async open(seed: number): Promise<CrashStage> {
    const random = createSeededRandom(seed);
    const [source, target] = await Promise.all([createTestDatabase({ major: 18 }), createTestDatabase({ major: 18 })]);
    await source.query(shopSql);
    // A third of it is the longest time between two confirmations.
    await source.query(`alter database ${source.name} set wal_sender_timeout = '3s'`);
    await target.query(effectSql);
    // As the printed roles have it: none of them makes a publication or a table.
    await target.query(shopSql);
    const slot = `${source.name}_crash`;
    await source.query(`create publication ${slot} for table ${shopTables.join(', ')}`);
    const applicationUrl = await source.grantRole('application');
    const application = new URL(applicationUrl).username;
    await source.query(`grant select, insert, update, delete on ${shopTables.join(', ')} to ${application}`);
    const brokers = await kafkaBrokers();
    const topics = await TestTopics.open(brokers);
    const topic = await topics.create('crash', partitionCount);
    const directory = await mkdtemp(join(tmpdir(), 'headwater-crash-'));
    const settings: CrashSettings = {
      sourceUrl: await source.grantRole('capture'),
      targetUrl: await target.grantRole('sink', { targetTables: [...shopTables, 'public.effect'] }),
      slot,
      brokers,
      topic,
      journalDirectory: join(directory, 'journal'),
      httpPort: await findLoopbackPort(),
    };
    const shop = new Shop(await source.connect(applicationUrl), random);
    const stage = new CrashStage({ source, target, topics, directory, settings, shop, random });
    await stage.#start();
    return stage;
  }

  /** Lets Headwater run into the step, starts it again, and asks every store. @throws when a promise was broken */
  async crashAt(step: CrashStep): Promise<CrashOutcome> {
    await rm(this.#markFile, { force: true });
    const latest = step === 'after-confirm' ? occurrenceMax.confirmation : occurrenceMax.other;
    const occurrence = 1 + Math.floor(this.#random.next() * latest);
    await writeFile(`${this.#armFile}.new`, JSON.stringify({ step, occurrence }));
    await rename(`${this.#armFile}.new`, this.#armFile);
    const deadline = systemClock.monotonicMs() + crashTimeoutMs;
    while (this.#headwater.isRunning && systemClock.monotonicMs() < deadline) await this.#trade();
    if (this.#headwater.isRunning)
      throw new Error(`${step} was not reached for the ${occurrence}th time in ${crashTimeoutMs} ms`);
    const { signal } = await this.#headwater.ended;
    assert.equal(signal, 'SIGKILL', `Headwater ended by itself\n${this.#headwater.logEnd()}`);
    await rm(this.#armFile, { force: true });
    const outcome = await this.#judgeCrash(step);
    this.#headwater.start();
    for (let count = 0; count < tradesAfterCrash; count += 1) await this.#trade();
    await this.assertSound();
    return outcome;
  }

  /** Waits until everything is delivered, and then asks the stores: nothing lost, invented, out of order, or twice. */
  async assertSound(): Promise<void> {
    const committed = String(this.#shop.committedCount);
    await this.#headwater.waitFor(
      `every lane has delivered ${committed} transactions`,
      ({ journal, lanes }) =>
        journal.lastSequence === committed && lanes.every(({ sequence }) => sequence === committed),
    );
    await this.#assertMirror();
    const versions = await this.#source.query<{ id: number; version: number }>(
      'select id, version from account order by id',
    );
    const expected = new Map(
      versions.map(({ id, version }) => [id, Array.from({ length: version }, (_, index) => index + 1)]),
    );
    assert.deepEqual(
      await this.#readEffects(),
      expected,
      'the handler took effect once for each event, in order for each key',
    );
    assert.deepEqual(await this.#readTopic(), expected, 'Kafka shows each event once, in order for each key');
    await this.#assertJournal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#headwater[Symbol.asyncDispose]();
    await this.#topics[Symbol.asyncDispose]();
    await Promise.all([this.#source[Symbol.asyncDispose](), this.#target[Symbol.asyncDispose]()]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #armFile(): string {
    return join(this.#directory, 'arm.json');
  }

  get #markFile(): string {
    return join(this.#directory, 'mark.json');
  }

  async #start(): Promise<void> {
    const module = new URL('./crash-config.ts', import.meta.url).href;
    const text = `import { createCrashConfig } from ${JSON.stringify(module)};\nexport default createCrashConfig(${JSON.stringify(this.#settings)});\n`;
    await writeFile(join(this.#directory, 'headwater.config.mjs'), text, { mode: 0o600 });
    this.#headwater.start();
    await this.#headwater.waitFor('all is running', ({ state }) => state === 'running');
  }

  async #trade(): Promise<void> {
    await this.#shop.trade();
    await systemClock.sleep(tradePauseMs);
  }

  /** Compares what the process noted with what the disk and the servers say about that moment. */
  async #judgeCrash(step: CrashStep): Promise<CrashOutcome> {
    const mark = JSON.parse(await readFile(this.#markFile, 'utf8')) as CrashMark;
    assert.equal(mark.step, step);
    const journal = await verifyJournal(this.#settings.journalDirectory, { disk: nodeDisk });
    const isBehind = Number(journal.lastSequence) < this.#shop.committedCount;
    switch (step) {
      case 'receive':
        return isBehind ? inside : outside('the journal holds every commit already');
      case 'torn-append':
        return journal.tailByteCount > 0 ? inside : outside('the journal ends with a whole unit');
      case 'append-before-flush':
      case 'flush-before-confirm':
        return this.#judgeUnconfirmed(journal);
      case 'after-confirm':
        return this.#judgeConfirmed(mark);
      case 'mirror-before-commit':
        return mark.isAnswered === true ? inside : outside('the target had not answered when the process died');
      case 'kafka-after-commit':
        return mark.errorCode === 0 ? inside : outside(`Kafka answered with error ${mark.errorCode}`);
      case 'mirror-after-commit':
      case 'kafka-before-commit':
      case 'handler-after-commit':
      case 'handler-before-checkpoint':
        return inside;
    }
  }

  /** The journal ends with a transaction that PostgreSQL has not been told of, and would send again. */
  async #judgeUnconfirmed({ lastSequence }: VerifyReport): Promise<CrashOutcome> {
    if (lastSequence === 0n) return outside('the journal is empty');
    const confirmed = await this.#confirmedLsn();
    return confirmed <= this.#shop.floorOf(Number(lastSequence))
      ? inside
      : outside('the end of the journal is confirmed');
  }

  async #judgeConfirmed({ confirmedLsn = '0' }: CrashMark): Promise<CrashOutcome> {
    const confirmed = await this.#confirmedLsn();
    return confirmed >= BigInt(confirmedLsn) ? inside : outside('the confirmation did not reach the server');
  }

  /** What PostgreSQL holds as confirmed once it has noticed that the process is gone. */
  async #confirmedLsn(): Promise<bigint> {
    let confirmed = '';
    await waitUntil('PostgreSQL has let go of the slot', async () => {
      const [slot] = await this.#source.query<{ active: boolean; lsn: string }>(
        'select active, confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = $1',
        [this.#settings.slot],
      );
      confirmed = slot?.lsn ?? '';
      return slot?.active === false;
    });
    return parseLsn(confirmed);
  }

  async #assertMirror(): Promise<void> {
    for (const table of shopTables) {
      const sum = `select count(*)::integer as rows, sum(hashtextextended(t::text, 0))::text as sum from ${table} t`;
      assert.deepEqual(
        await this.#target.query(sum),
        await this.#source.query(sum),
        `the mirror of ${table} equals its source`,
      );
    }
  }

  async #readEffects(): Promise<Map<number, number[]>> {
    const rows = await this.#target.query<{ account: number; version: number }>(
      'select account, version from effect order by account, place',
    );
    return groupVersions(rows);
  }

  async #readTopic(): Promise<Map<number, number[]>> {
    const records = await this.#topics.readCommitted(this.#settings.topic, partitionCount);
    const ids = records.map(({ headers }) => headers.find(([name]) => name === 'headwater-id')?.[1]);
    assert.equal(new Set(ids).size, records.length, 'no id stands in Kafka twice');
    return groupVersions(records.map(({ value }) => parseVersion(value ?? '')));
  }

  async #assertJournal(): Promise<void> {
    const report = await verifyJournal(this.#settings.journalDirectory, { disk: nodeDisk });
    assert.equal(report.problem, undefined, 'the journal is whole');
    const { firstSequence, lastSequence, transactionCount } = report;
    const committed = this.#shop.committedCount;
    assert.deepEqual(
      { firstSequence, lastSequence, transactionCount },
      {
        firstSequence: 1n,
        lastSequence: BigInt(committed),
        transactionCount: committed,
      },
    );
  }
}

const inside: CrashOutcome = { kind: 'inside' };

function outside(reason: string): CrashOutcome {
  return { kind: 'outside', reason };
}

interface StageParts {
  readonly source: TestDatabase;
  readonly target: TestDatabase;
  readonly topics: TestTopics;
  readonly directory: string;
  readonly settings: CrashSettings;
  readonly shop: Shop;
  readonly random: Random;
}

function groupVersions(
  records: readonly { readonly account: number; readonly version: number }[],
): Map<number, number[]> {
  const groups = Map.groupBy(records, ({ account }) => account);
  return new Map(
    [...groups]
      .sort(([one], [other]) => one - other)
      .map(([account, group]) => [account, group.map(({ version }) => version)]),
  );
}
