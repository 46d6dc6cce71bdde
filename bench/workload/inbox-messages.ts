import pg from 'pg';
import { z } from 'zod';

/** What both sides check. */
export const inboxPayload: z.ZodObject<{ orderId: z.ZodString; note: z.ZodString }> = z.object({
  orderId: z.string(),
  note: z.string(),
});

/** One message as a broker gives it. */
export interface InboxMessageBytes {
  readonly id: string;
  readonly body: Buffer;
}

/** The messages of a run, made before it. */
export function createInboxMessages(count: number): readonly InboxMessageBytes[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `0199a0b0-0000-7000-8000-${index.toString(16).padStart(12, '0')}`,
    body: Buffer.from(JSON.stringify({ orderId: `${index}`, note: 'x'.repeat(200) })),
  }));
}

/** The effect of both sides. */
export const effectStatement = 'insert into effects (order_id, note) values ($1, $2)';

/** Takes every message once, so many at a time, and prints rows and seconds. */
export async function takeMessages(
  words: readonly string[],
  open: (pool: pg.Pool) => (message: InboxMessageBytes) => Promise<unknown>,
): Promise<void> {
  const [url = '', count = '0', width = '1'] = words;
  const pool = new pg.Pool({ connectionString: url, max: Number(width) });
  const take = open(pool);
  const messages = createInboxMessages(Number(count));
  // The connections are made, and whatever is made once, before the time runs.
  await Promise.all(Array.from({ length: Number(width) }, (_, index) => take({ id: `warm-${index}`, body: warmBody })));
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: Number(width) }, async () => {
      for (let message = messages[next++]; message !== undefined; message = messages[next++]) await take(message);
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.end();
  process.stdout.write(`${JSON.stringify({ rows: messages.length, seconds })}\n`);
}

const warmBody = Buffer.from('{"orderId":"warm","note":""}');
