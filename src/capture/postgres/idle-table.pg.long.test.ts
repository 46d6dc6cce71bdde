import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  startPrivatePostgres,
  type PostgresMajor,
} from '../../../scripts/services/testing.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { startTestSource } from '../testing/open-source.ts';

const segmentByteCount = 16_777_216;
const roundCount = 12;

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`privatePostgres${major}`);
  describe(`a captured table that is idle for long on PostgreSQL ${major}`, { skip }, () => {
    test('case 16: while others write 1 GB, the slot never holds more WAL than two segments behind a checkpoint', async () => {
      const settings = { max_wal_size: '256MB', checkpoint_timeout: '30s' };
      await using server = await startPrivatePostgres({ major, settings });
      await using database = await createTestDatabase({ server });
      await database.query('create table t (id bigint primary key)');
      await database.query('create table other (v text)');
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      const options = { url: database.url, slotName, recorder, tables: ['public.t'], canaryIntervalMs: 1000 };
      await using source = await startTestSource(options);
      const [start] = await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
      for (let round = 0; round < roundCount; round += 1) {
        await database.query(`insert into other select repeat(md5(g::text), 32) from generate_series(1, 80000) g`);
        await database.query('checkpoint');
        await database.query('truncate other');
        const held = await waitForRetained(database);
        assert.ok(held < 2 * segmentByteCount, `${held} bytes are held in round ${round}`);
      }
      const [written] = await database.query<{ bytes: string }>(
        'select pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn)::bigint::text as bytes',
        [start?.lsn],
      );
      assert.ok(Number(written?.bytes) > 1_000_000_000, `${written?.bytes} bytes were written`);
      assert.equal(recorder.durable.transactions.length, 0);
      assert.equal(source.report().reconnectCount, 0);
    });
  });
}

interface Queryable {
  query<Row extends Record<string, unknown>>(text: string): Promise<Row[]>;
}

/** The smallest amount that the slot holds within some seconds: decoding what others wrote takes its time. */
async function waitForRetained(database: Queryable): Promise<number> {
  let held = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 100 && held >= 2 * segmentByteCount; look += 1) {
    await database.query('select pg_sleep(0.1)');
    const [slot] = await database.query<{ bytes: string }>(
      'select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint::text as bytes from pg_replication_slots',
    );
    held = Number(slot?.bytes);
  }
  return held;
}
