import type { Pool, PoolClient } from 'pg';

/** BEGIN, work, COMMIT; ROLLBACK when the work fails. */
export async function inTransaction(db: Pool, work: (tx: PoolClient) => Promise<void>): Promise<void> {
  const tx = await db.connect();
  let hasFailed = true;
  try {
    await tx.query('begin');
    await work(tx);
    await tx.query('commit');
    hasFailed = false;
  } catch (error) {
    await tx.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    // A connection on which something went wrong is not worth the risk of using it again.
    tx.release(hasFailed);
  }
}
