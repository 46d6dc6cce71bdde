import type { InboxSettings } from './inbox-options.ts';

const batchSizeDefault = 1_000;

/**
 * Removes receipts behind the retention. First notes up to when, in a commit of its own, so that a message from before finds the note where
 * it no longer finds its receipt; then removes batch by batch.
 */
export async function removeReceipts(
  { database, name, retentionMs }: InboxSettings,
  { batchSize = batchSizeDefault, signal }: { readonly batchSize?: number; readonly signal?: AbortSignal },
): Promise<{ removedCount: number }> {
  const { statements } = database;
  signal?.throwIfAborted();
  await database.query(statements.moveRemoval, [name, String(retentionMs)]);
  let removedCount = 0;
  for (;;) {
    signal?.throwIfAborted();
    const [row] = await database.query(statements.removeReceipts, [name, String(batchSize)]);
    const count = Number(row?.['count'] ?? 0);
    removedCount += count;
    if (count < batchSize) return { removedCount };
  }
}
