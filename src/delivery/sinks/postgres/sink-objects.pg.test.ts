import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { createTestDatabase, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { systemClock } from '../../../foundation/clock.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { postgresSink } from './postgres-sink.ts';
import { createSinkObjects, lockObjectsSql } from './sink-objects.sql.ts';

test(
  'a lane that waits while another one makes the objects finds them',
  {
    skip: await skipReason('postgres18'),
  },
  async () => {
    await using database = await createTestDatabase({ major: 18 });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    try {
      await other.query('begin');
      await other.query(lockObjectsSql('headwater'));
      const opening = postgresSink({ url: database.url }).open({
        installation: 'main',
        laneName: 'second',
        journalId: '0198a8a0-0000-7000-8000-000000000000',
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        signal: new AbortController().signal,
      });
      opening.catch(() => undefined);
      await waitUntil('the second lane waits for the lock', async () => {
        const [row] = await database.query<{ is_waiting: boolean }>(
          `select exists (select 1 from pg_locks where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database())) as is_waiting`,
        );
        return row?.is_waiting === true;
      });
      for (const statement of ['create schema headwater', ...createSinkObjects('headwater')])
        await other.query(statement);
      await other.query('commit');
      const sink = await opening;
      assert.equal(sink.capabilities.checkpointIn, 'sink');
      await sink[Symbol.asyncDispose]();
    } finally {
      await other.end();
    }
  },
);
