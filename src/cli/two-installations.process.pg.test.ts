import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { z } from 'zod';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { createEmitter } from '../application/emit/emit.ts';
import { defineEvents } from '../application/emit/events.ts';
import { handlerSink } from '../delivery/sinks/handler/handler-sink.ts';
import { postgresSink } from '../delivery/sinks/postgres/postgres-sink.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { columnValue } from '../model/row.ts';
import type { HeadwaterConfig } from '../service/config-types.ts';
import { type Headwater, startHeadwater } from '../service/headwater.ts';
import { CommandDirectory, type CommandEnd } from './testing/command-directory.ts';

const catalogue = defineEvents({ 'thing.happened': z.object({ id: z.string() }) });
const skip = await skipReason('postgres18');
const canaryIntervalMs = 1000;

/** What an installation has for itself. */
class Installation {
  readonly name: string;
  /** Its table, its outbox schema, and its name in that of slot and publication. */
  readonly part: 'shop' | 'stock';
  readonly seen: string[] = [];
  readonly #database: TestDatabase;
  readonly #target: TestDatabase;
  readonly #directory: CommandDirectory;

  constructor(
    part: Installation['part'],
    place: { database: TestDatabase; target: TestDatabase; directory: CommandDirectory },
  ) {
    this.part = part;
    this.name = `${place.database.name}_${part}`;
    this.#database = place.database;
    this.#target = place.target;
    this.#directory = place.directory;
  }

  get #source(): HeadwaterConfig['source'] {
    return {
      url: this.#database.url,
      publication: this.name,
      tables: [`public.${this.part}`, `${this.part}_events.outbox`],
      outboxSchema: `${this.part}_events`,
      canaryIntervalMs,
    };
  }

  /** Both have lanes of the same names, and write into the same target. */
  async start(): Promise<Headwater> {
    const handle = (record: JournalRecord): void => void this.seen.push(describeRecord(record));
    return await startHeadwater({
      installation: this.name,
      source: this.#source,
      journal: { directory: join(this.#directory.path, `journal-${this.part}`) },
      http: { port: 0 },
      lanes: {
        seen: { sink: handlerSink({ name: 'seen', handle }) },
        mirror: { sink: postgresSink({ url: this.#target.url }) },
      },
    });
  }

  /** For the command. */
  async writeConfig(): Promise<string> {
    const file = `${this.part}.config.mjs`;
    const journal = { directory: `./journal-${this.part}` };
    const config = { installation: this.name, source: this.#source, journal, http: false };
    await this.#directory.write(file, `export default ${JSON.stringify(config)};`);
    return file;
  }

  /** A row, an event in the outbox and an event in the log, in one commit. */
  async commit(id: string): Promise<void> {
    const client = await this.#database.connect();
    const emitter = createEmitter({ installation: this.name, schemaName: `${this.part}_events` });
    await client.query('begin');
    await client.query(`insert into ${this.part} values ($1)`, [id]);
    await emitter(client, catalogue['thing.happened'], { id }, { key: `${id} in outbox`, mode: 'outbox' });
    await emitter(client, catalogue['thing.happened'], { id }, { key: `${id} in log`, mode: 'message' });
    await client.query('commit');
    await client.end();
  }
}

function describeRecord(record: JournalRecord): string {
  if (record.kind === 'event') return `event ${record.event.key} of ${record.event.source}`;
  const id = record.kind === 'insert' ? String(columnValue(record.table, record.after, 'id')) : '';
  return record.kind === 'truncate' ? record.kind : `${record.kind} ${record.table.tableName} ${id}`;
}

describe('two installations on one database', { skip }, () => {
  let database: TestDatabase;
  let target: TestDatabase;
  let directory: CommandDirectory;
  let shop: Installation;
  let stock: Installation;
  beforeEach(async () => {
    database = await createTestDatabase({ major: 18 });
    target = await createTestDatabase({ major: 18 });
    directory = await CommandDirectory.open();
    await database.query('create table shop (id text primary key); create table stock (id text primary key)');
    shop = new Installation('shop', { database, target, directory });
    stock = new Installation('stock', { database, target, directory });
    for (const installation of [shop, stock]) {
      await command('migrate', '--config', await installation.writeConfig());
    }
  });
  afterEach(async () => {
    await directory[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function command(...words: readonly string[]): Promise<CommandEnd> {
    const end = await directory.headwater(words);
    assert.equal(end.code, 0, end.stderr);
    return end;
  }

  async function sequenceOf(headwater: Headwater): Promise<string> {
    return (await headwater.status()).journal.lastSequence;
  }

  it('get their own rows and outbox events, keep their own checkpoints, and both hear what is written to the log', async () => {
    await using first = await shop.start();
    await using second = await stock.start();
    await shop.commit('a');
    await stock.commit('b');
    for (const { seen } of [shop, stock]) await waitUntil('four records', () => seen.length >= 4);
    await Promise.all([first.drain(), second.drain()]);
    const inLog = [`event a in log of ${shop.name}`, `event b in log of ${stock.name}`];
    assert.deepEqual(shop.seen, ['insert shop a', `event a in outbox of ${shop.name}`, ...inLog]);
    assert.deepEqual(stock.seen, [inLog[0], 'insert stock b', `event b in outbox of ${stock.name}`, inLog[1]]);
    assert.deepEqual(await target.query('select id from shop'), [{ id: 'a' }]);
    assert.deepEqual(await target.query('select id from stock'), [{ id: 'b' }]);
    const checkpoints = await target.query('select installation, lane from headwater.checkpoint order by 1');
    assert.deepEqual(
      checkpoints.map(({ installation, lane }) => [installation, lane]),
      [shop, stock].map(({ name }) => [name, 'mirror']),
    );
  });

  it("let each other's canaries pass: an idle journal does not grow, and each knows its own", async () => {
    await using first = await shop.start();
    await using second = await stock.start();
    const before = [await sequenceOf(first), await sequenceOf(second)];
    const startedLsn = (await first.status()).source.confirmedLsn;
    await waitUntil('both have had canaries, and confirm them', async () => {
      const reports = [(await first.status()).source, (await second.status()).source];
      const areSeen = reports.every(({ canaryAgeMs }) => canaryAgeMs !== null && canaryAgeMs < 2 * canaryIntervalMs);
      return areSeen && reports[0]?.confirmedLsn !== startedLsn;
    });
    assert.deepEqual([await sequenceOf(first), await sequenceOf(second)], before);
    assert.equal((await first.status()).source.forgedMessageCount, 0);
  });

  it('go on while the other is stopped, removed, or migrated', async () => {
    await using second = await stock.start();
    // In a process of its own, whose end is the end of its hold on the journal.
    const first = directory.start(['run', '--json', '--config', 'shop.config.mjs']);
    let stdout = '';
    first.stdout?.on('data', (chunk: Buffer) => void (stdout += chunk.toString()));
    await waitUntil('the first runs', () => stdout.includes('started'));
    await shop.commit('a');
    await stock.commit('b');
    const ended = once(first, 'close');
    first.kill('SIGTERM');
    await ended;
    await second.drain();
    const status = JSON.parse(
      (await command('migrate', '--status', '--json', '--config', 'stock.config.mjs')).stdout,
    ) as object;
    const left = await directory.headwater(['destroy', '--config', 'stock.config.mjs', '--yes']);
    assert.match(left.stderr, /HW-SETUP-001/, 'the running one is not dropped');
    await command('destroy', 'slot', 'publication', 'schema', '--config', 'shop.config.mjs', '--yes');
    const [found] = await database.query(
      `select (select array_agg(slot_name::text) from pg_replication_slots where database = current_database()) as slots,
              (select array_agg(pubname::text) from pg_publication) as publications,
              (select array_agg(nspname::text) from pg_namespace where nspname like '%_events') as schemas`,
    );
    assert.deepEqual(found, {
      slots: [`headwater_${stock.name}`],
      publications: [stock.name],
      schemas: ['stock_events'],
    });
    await stock.commit('c');
    await waitUntil('the other goes on', () => stock.seen.includes(`event c in outbox of ${stock.name}`));
    await second.drain();
    assert.deepEqual(await target.query('select id from stock order by 1'), [{ id: 'b' }, { id: 'c' }]);
    const again = await command('migrate', '--status', '--json', '--config', 'stock.config.mjs');
    assert.deepEqual(JSON.parse(again.stdout), status);
  });
});
