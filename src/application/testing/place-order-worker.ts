import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

import { type OrderPlan, placeOrder } from './place-order.ts';
import { drivenLibraries } from './transaction-drivers.ts';

/*
 * Places one order through a library that a lost connection spoils, which ends with this thread. What it posts: the name of
 * each place where the test steps in, for which it waits, and `placed`, if it comes so far.
 */

/** What the thread is told. */
export interface OrderWork {
  readonly library: string;
  readonly url: string;
  readonly plan: OrderPlan;
}

const { library, url, plan } = workerData as OrderWork;
const driver = await drivenLibraries[library]?.open({ url, connections: 1 });
if (driver === undefined || parentPort === null) throw new Error(`no library ${library}, or no parent`);
const port = parentPort;
await placeOrder(driver, plan, {
  beforeEvent: () => ask('beforeEvent'),
  behindEvent: () => ask('behindEvent'),
});
port.postMessage('placed');
port.close();

async function ask(place: string): Promise<void> {
  port.postMessage(place);
  await once(port, 'message');
}
