import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { z } from 'zod';
import { inbox, type Inbox } from '../../inbox/inbox.ts';
import { dayMs } from '../../inbox/testing/inbox-stage.ts';

/** Where a consumer is killed: before its transaction, in it, and behind the COMMIT before the acknowledgement. */
export const killPoints = ['before the transaction', 'in the transaction', 'after the commit'] as const;
export type KillPoint = (typeof killPoints)[number];

/** What a consumer of its own process is told. */
export interface KilledConsumer {
  readonly kind: 'kafka' | 'nats' | 'rabbitmq';
  readonly databaseUrl: string;
  readonly server: string;
  /** Topic, stream or queue. */
  readonly source: string;
  readonly point: KillPoint;
  /** Not at the first message but at this one. */
  readonly orderId: string;
}

/** Runs a consumer in a process of its own until it stands at the point, and kills it there with SIGKILL. */
export async function killAt(consumer: KilledConsumer): Promise<void> {
  const path = fileURLToPath(new URL('./killed-consumer.ts', import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(consumer)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const reached = once(child.stdout, 'data');
  const first = await Promise.race([reached, closed.then(() => undefined)]);
  child.kill('SIGKILL');
  await closed;
  if (first === undefined) throw new Error('the consumer ended by itself');
}

/** An inbox that stands still for ever at its point. */
export function standingInbox({ databaseUrl, orderId, point }: KilledConsumer): Inbox<unknown> {
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const stand = (here: KillPoint, order: string): void => {
    if (here !== point || order !== orderId) return;
    process.stdout.write('here\n');
    // Nothing of this process goes on: no acknowledgement, no heartbeat.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  let last = '';
  const payload = z.object({ orderId: z.string() }).refine((order) => {
    last = order.orderId;
    stand('before the transaction', last);
    return true;
  });
  const onResult = (): void => stand('after the commit', last);
  return inbox('billing', { db: pool, payload, redeliveryMaxMs: dayMs, onResult }, async (client, message) => {
    await client.query('insert into effects (text) values ($1)', [message.payload.orderId]);
    stand('in the transaction', message.payload.orderId);
  });
}
