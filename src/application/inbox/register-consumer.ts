import type { InboxSettings } from './inbox-options.ts';

/** What is known of a consumer from the beginning on. */
export interface RegisteredConsumer {
  /** Up to when receipts were removed, by whatever retention; in milliseconds since 1970. */
  readonly removedBeforeMs: number;
}

/**
 * Notes that the consumer exists, and how long it keeps receipts. Warns of what may be a renamed consumer: a new name beside others has no
 * receipts, so whatever comes again under it takes effect again.
 */
export async function registerConsumer({
  database,
  logger,
  name,
  retentionMs,
}: InboxSettings): Promise<RegisteredConsumer> {
  const { statements } = database;
  const [added] = await database.query(statements.register, [name, String(retentionMs)]);
  if (added !== undefined) {
    const otherCount = Number(added['others']);
    if (otherCount > 0) logger.warn('inbox.new_consumer', { consumer: name, otherCount });
    return { removedBeforeMs: -Infinity };
  }
  const [changed] = await database.query(statements.changeRetention, [name, String(retentionMs)]);
  if (changed !== undefined) {
    logger.warn('inbox.retention_changed', { consumer: name, beforeMs: Number(changed['before']), retentionMs });
  }
  const [row] = await database.query(statements.removedBefore, [name]);
  return { removedBeforeMs: Number(row?.['removed'] ?? -Infinity) };
}
