import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { Order, SoldOut } from './order.ts';

/** Answers POST /orders: 201 placed, 409 sold out, 500 when the order may or may not be there. */
export async function serve(placeOrder: (order: Order) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    void answer(request, placeOrder).then((status) => response.writeHead(status).end());
  });
  server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  await once(server, 'listening');
  console.log(`listening on ${JSON.stringify(server.address())}`);
}

async function answer(request: IncomingMessage, placeOrder: (order: Order) => Promise<void>): Promise<number> {
  const order = Order.safeParse(await json(request).catch(() => undefined));
  if (!order.success) return 400;
  try {
    await placeOrder(order.data);
    return 201;
  } catch (error) {
    return error instanceof SoldOut ? 409 : 500;
  }
}
