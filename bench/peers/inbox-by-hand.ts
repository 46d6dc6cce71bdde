/**
 * An inbox as one writes it by hand: the same check of the same content, then BEGIN, `insert … on conflict do nothing`, the effect,
 * COMMIT; with a reply, an update of the row in front of the COMMIT. No fingerprint, no sender, no look at what COMMIT answered.
 *
 *   node bench/peers/inbox-by-hand.ts URL COUNT WIDTH [reply]
 */
import { effectStatement, inboxPayload, takeMessages } from '../workload/inbox-messages.ts';

const words = process.argv.slice(2);
const hasReply = words[3] === 'reply';

await takeMessages(words, (pool) => async ({ id, body }) => {
  const payload = inboxPayload.parse(JSON.parse(body.toString()));
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rowCount } = await client.query('insert into received (id) values ($1) on conflict do nothing', [id]);
    if (rowCount === 1) {
      await client.query(effectStatement, [payload.orderId, payload.note]);
      if (hasReply) {
        const reply = JSON.stringify({ orderId: payload.orderId });
        await client.query('update received set reply = $2 where id = $1', [id, reply]);
      }
    }
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
});
