import assert from 'node:assert/strict';
import { it } from 'node:test';

import { Pool } from 'pg';

import { createTestDatabase, skipReason, startPrivatePostgres } from '../../../scripts/services/testing.ts';
import { applyMigrations } from '../../postgres/database-objects.ts';
import { createIdempotency } from './idempotency.ts';
import { parseOrder, send } from './testing/idempotency-stage.ts';

const skip = await skipReason('privatePostgres18');

it(
  'has the key of a call on disk before the provider knows it: it gets the same one after a crash of the server',
  {
    skip,
  },
  async () => {
    // What a commit does not flush itself stays in memory for long, and is lost with it.
    const settings = { wal_writer_delay: '10s', synchronous_commit: 'on', wal_buffers: '16MB' };
    await using server = await startPrivatePostgres({ major: 18, settings });
    await using database = await createTestDatabase({ server });
    await applyMigrations((text) => database.query(text));
    const pool = new Pool({ connectionString: database.url });
    pool.on('error', () => undefined);
    try {
      const keys: string[] = [];
      const handler = createIdempotency(pool, {
        principal: () => 'ann',
        onFailure: () => undefined,
        leaseMs: 100,
        waitMsMax: 10_000,
      }).handler({
        name: 'orders.buy',
        safety: 'keyed',
        parse: parseOrder,
        async phases(run) {
          await run.call('charge', async (key) => {
            keys.push(key);
            if (keys.length === 1) await server.kill();
          });
          return new Response(null, { status: 204 });
        },
      });
      assert.equal((await send(handler, { key: '"a"' })).status, 503);
      await server.restart();
      assert.equal((await send(handler, { key: '"a"' })).status, 204);
      assert.equal(keys.length, 2);
      assert.equal(keys[0], keys[1]);
    } finally {
      await pool.end();
    }
  },
);
