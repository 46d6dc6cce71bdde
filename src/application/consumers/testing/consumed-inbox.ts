import { z } from 'zod';
import type pg from 'pg';
import { inbox, type Inbox } from '../../inbox/inbox.ts';
import type { InboxOptions } from '../../inbox/inbox-options.ts';
import { dayMs } from '../../inbox/testing/inbox-stage.ts';

const Order: z.ZodObject<{ orderId: z.ZodString }> = z.object({ orderId: z.string() });

/** An inbox that writes the order of each message into the table of effects, and rejects the order "poison". */
export function consumedInbox(
  pool: pg.Pool,
  options: Partial<InboxOptions<typeof Order, pg.Pool>> = {},
  before: (orderId: string) => unknown = () => undefined,
): Inbox<unknown> {
  return inbox('billing', { db: pool, payload: Order, redeliveryMaxMs: dayMs, ...options }, async (client, message) => {
    const { orderId } = message.payload;
    if (orderId === 'poison') message.reject('it is poison');
    if (orderId === 'failing') throw new Error('it fails');
    await client.query('insert into effects (text) values ($1)', [orderId]);
    await before(orderId);
    return undefined;
  });
}

/** A consumer that runs until it is stopped. */
export interface RunningConsumer extends AsyncDisposable {
  readonly ended: Promise<void>;
}

/** Starts a consumer; disposal stops it by its signal and waits for its end. */
export function runConsumer(start: (signal: AbortSignal) => Promise<void>): RunningConsumer {
  const abort = new AbortController();
  const ended = start(abort.signal);
  ended.catch(() => undefined);
  return {
    ended,
    async [Symbol.asyncDispose]() {
      abort.abort(new Error('the test stops the consumer'));
      await ended;
    },
  };
}
