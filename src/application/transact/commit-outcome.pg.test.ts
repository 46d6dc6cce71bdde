import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pool } from 'pg';

import { createTestDatabase, skipReason, startPrivatePostgres } from '../../../scripts/services/testing.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import type { DatabaseHandle } from '../../postgres/database-handle.ts';
import { resumeReceipt } from './resume-receipt.ts';
import { askOutcome } from './commit-outcome.ts';
import { decodeReceipt } from './receipt-text.ts';
import { transact } from './transact.ts';

const skip = await skipReason('postgres18', 'privatePostgres18');

test('a server that has not come to an id says nothing of the one that has committed it', { skip }, async () => {
  await using database = await createTestDatabase({});
  await using other = await startPrivatePostgres({ major: 18 });
  const pools = [other.url, database.url].map((url) => new Pool({ connectionString: url, max: 1 }));
  const [behind, primary] = pools.map((pool) => recognizeDatabaseHandle(pool) ?? assert.fail());
  assert.ok(pools[1] !== undefined && behind !== undefined && primary !== undefined);
  try {
    const { xid: next } = await readXid(behind);
    let receipt = await transact(pools[1], (tx) => tx.query('select pg_current_xact_id()'));
    while ((receipt.xid ?? 0n) < next + 100n) {
      receipt = await transact(pools[1], (tx) => tx.query('select pg_current_xact_id()'));
    }
    const place = decodeReceipt(receipt.text ?? '');
    // As behind an address that leads to several servers: each question may come to another one.
    let asked = 0;
    const inTurn = (): DatabaseHandle => ((asked += 1) % 2 === 1 ? behind : primary);
    const turning = {
      query: (...given: Parameters<DatabaseHandle['query']>) => inTurn().query(...given),
      transaction: <Result>(options: object, work: (transaction: unknown) => Promise<Result>) =>
        inTurn().transaction(options, work),
    };
    const verdicts = [await askOutcome(turning, place), await askOutcome(turning, place)];
    for (const { kind } of verdicts) assert.notEqual(kind, 'not-applied');
    assert.equal((await resumeReceipt(pools[1], receipt.text ?? '')).outcome, 'committed');
    const future = { ...place, xid: place.xid + 1_000_000n };
    assert.deepEqual(await askOutcome(primary, future), { kind: 'not-applied' });
    assert.deepEqual(await askOutcome(behind, future), { kind: 'indeterminate', reason: 'another-system' });
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
});

async function readXid(handle: DatabaseHandle): Promise<{ readonly xid: bigint }> {
  const [row] = await handle.query('select pg_current_xact_id()::text as xid', []);
  return { xid: BigInt(String(row?.['xid'])) };
}
