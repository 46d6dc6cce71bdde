/**
 * Our side of the benchmark of the inbox: `receive`, with an effect in its transaction, with or without a reply.
 *
 *   node bench/subjects/inbox-receive.ts URL COUNT WIDTH [reply]
 */
import { inbox } from '../../src/inbox.ts';
import { effectStatement, inboxPayload, takeMessages } from '../workload/inbox-messages.ts';

const words = process.argv.slice(2);
const hasReply = words[3] === 'reply';

await takeMessages(words, (pool) => {
  const orders = inbox(
    'bench',
    { db: pool, payload: inboxPayload, redeliveryMaxMs: 86_400_000 },
    async (client, { payload }) => {
      await client.query(effectStatement, [payload.orderId, payload.note]);
      return hasReply ? { orderId: payload.orderId } : undefined;
    },
  );
  return ({ id, body }) => orders.receive({ id, sender: 'bench', body });
});
