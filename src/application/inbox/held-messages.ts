import { decodeHeld } from './held-envelope.ts';
import type { HeldMessage } from './held-message.ts';
import type { InboxSettings } from './inbox-options.ts';
import type { InboxResult } from './inbox-result.ts';
import { versionBeforeFirst } from './order-decision.ts';
import type { ReceivedMessage } from './received-message.ts';
import type { Taken } from './take-message.ts';

const sweepBatch = 100;
const listLimitDefault = 100;

/** The messages that an inbox has set aside. */
export class HeldMessages {
  readonly #settings: InboxSettings;
  readonly #takeReceived: (message: ReceivedMessage) => Promise<Taken>;

  constructor(settings: InboxSettings, takeReceived: (message: ReceivedMessage) => Promise<Taken>) {
    this.#settings = settings;
    this.#takeReceived = takeReceived;
  }

  async list({
    limit = listLimitDefault,
    state,
  }: {
    readonly state?: HeldMessage['state'];
    readonly limit?: number;
  }): Promise<readonly HeldMessage[]> {
    const { database, name } = this.#settings;
    const rows = await database.query(database.statements.listHeld, [name, state ?? null, String(limit)]);
    return rows.map((row) => ({
      id: String(row['id']),
      sender: String(row['sender']),
      state: readState(row['state']),
      reason: String(row['reason']),
      key: typeof row['key'] === 'string' ? row['key'] : null,
      version: typeof row['version'] === 'string' ? BigInt(row['version']) : undefined,
      heldAt: new Date(Number(row['held'])),
    }));
  }

  /** Takes one message, and those of its key that waited for it. Undefined: it is not held. */
  async take(sender: string, id: string): Promise<InboxResult<unknown> | undefined> {
    const taken = await this.#takeOne(sender, id);
    if (taken?.next !== undefined) await this.takeFollowing(sender, taken.next);
    return taken?.result;
  }

  /**
   * Takes messages of a key one after the other, each in a transaction of its own. A failure is told in the log: the message that was
   * received is committed whatever becomes of those behind it, and the next sweep tries again.
   */
  async takeFollowing(sender: string, first: string): Promise<number> {
    let count = 0;
    let next: string | undefined = first;
    try {
      while (next !== undefined) {
        const taken: Taken | undefined = await this.#takeOne(sender, next);
        if (taken?.result.kind === 'done') count += 1;
        next = taken?.next;
      }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.name : 'unknown';
      this.#settings.logger.warn('inbox.following_failed', { consumer: this.#settings.name, message: next, error });
    }
    return count;
  }

  /** Takes what is due, and parks what has waited too long. */
  async sweep(signal: AbortSignal | undefined): Promise<{ takenCount: number; parkedCount: number }> {
    const { database, gapLimitMs, name } = this.#settings;
    let takenCount = 0;
    signal?.throwIfAborted();
    const due = await database.query(database.statements.listDue, [name, String(sweepBatch)]);
    for (const row of due) {
      signal?.throwIfAborted();
      takenCount += await this.takeFollowing(String(row['sender']), String(row['id']));
    }
    const [late] = await database.query(database.statements.parkLate, [name, String(gapLimitMs)]);
    return { takenCount, parkedCount: Number(late?.['count'] ?? 0) };
  }

  /** False: it is not held. In a contiguous order its place counts as taken from then on, once its turn has come. */
  async discard({ id, sender }: Pick<HeldMessage, 'id' | 'sender'>, reason: string): Promise<boolean> {
    const { database, name, order } = this.#settings;
    const { statements } = database;
    const [found] = await database.query(statements.readHeld, [sender, name, id]);
    const key = order.kind === 'contiguous' && typeof found?.['key'] === 'string' ? found['key'] : undefined;
    const { isHeld, next } = await database.transaction(async (transaction) => {
      if (key !== undefined) {
        await transaction.run(statements.lockKey, [sender, name, key, versionBeforeFirst(order).toString()]);
      }
      const [row] = await transaction.run(statements.discard, [sender, name, id, reason]);
      if (key === undefined || typeof row?.['version'] !== 'string')
        return { isHeld: row !== undefined, next: undefined };
      const [following] = await transaction.run(statements.skip, [sender, name, key, row['version']]);
      return { isHeld: true, next: following?.['next'] };
    });
    if (typeof next === 'string') await this.takeFollowing(sender, next);
    return isHeld;
  }

  async #takeOne(sender: string, id: string): Promise<Taken | undefined> {
    const { database, name } = this.#settings;
    const [row] = await database.query(database.statements.readHeld, [sender, name, id]);
    if (row === undefined) return undefined;
    return this.#takeReceived(decodeHeld(String(row['envelope']), Buffer.from(String(row['content']), 'base64')));
  }
}

function readState(state: unknown): HeldMessage['state'] {
  return state === 'waiting' || state === 'discarded' ? state : 'parked';
}
