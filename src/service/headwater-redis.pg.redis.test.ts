import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createTestDatabase, skipReason, startPrivateRedis } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { redisSink } from '../delivery/sinks/redis/redis-sink.ts';
import { TestRedis } from '../delivery/sinks/redis/testing/test-redis.ts';
import { silentLogger } from '../foundation/logger.ts';
import { applyMigrations } from '../postgres/database-objects.ts';
import { startHeadwater } from './headwater.ts';

const skip = await skipReason('postgres18', 'privateRedis');

describe('Headwater from PostgreSQL to Redis', { skip }, () => {
  it('keeps keys as the rows are, with out-of-line values, and entries of every change, over a kill of Redis', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-redis-'));
    try {
      await using database = await createTestDatabase({ major: 18 });
      await using server = await startPrivateRedis();
      const { name, url } = database;
      await database.query('create table docs (id bigint primary key, total numeric, body text)');
      await database.query('alter table docs alter column body set storage external');
      await applyMigrations((text) => database.query(text));
      await using headwater = await startHeadwater({
        source: { url, slot: name, tables: ['docs'] },
        journal: { directory: join(scratch, name) },
        http: { port: 0 },
        logger: silentLogger,
        lanes: {
          keys: { sink: redisSink({ url: server.url, durability: 'always', keys: { 'public.docs': 'doc:{id}' } }) },
          feed: { sink: redisSink({ url: server.url, form: 'stream', stream: 'feed', target: 'feed' }) },
        },
      });
      const id = '9007199254740993';
      await database.query(`insert into docs values (${id}, 12345678901234567890.10, repeat('long ', 2000))`);
      await database.query('insert into docs values (2, null, null)');
      await headwater.drain();
      await server.kill();
      await database.query(`update docs set total = 0.30 where id = ${id}`);
      await database.query(`update docs set id = 3, total = 0.40 where id = ${id}`);
      await database.query('delete from docs where id = 2');
      await server.restart();
      await waitUntil('everything is in Redis', async () => {
        await using redis = await TestRedis.open(server.url);
        return (await redis.entries('feed')).length === 5 && (await redis.keys('doc:')).join(' ') === 'doc:3';
      });
      await using redis = await TestRedis.open(server.url);
      const rows = await database.query('select id::text, total::text, body from docs');
      assert.deepEqual([{ ...(await redis.hash('doc:3')) }], rows);
      const operations = (await redis.entries('feed')).map(({ op }) => op);
      assert.deepEqual(operations, ['insert', 'insert', 'update', 'update', 'delete']);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
});
