/** Sends requests with keys of their own over a few connections, and posts the seconds that they took. */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is given. */
export interface RequestPlan {
  readonly url: string;
  readonly count: number;
}

const connections = 16;
/** Before the measured ones, so that code is compiled and connections are open. */
const warmUpCount = 500;
const { url, count } = workerData as RequestPlan;
const agent = new Agent({ keepAlive: true, maxSockets: connections });

await sendAll(warmUpCount);
const beganMs = performance.now();
await sendAll(count);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window.
parentPort?.postMessage((performance.now() - beganMs) / 1000);
agent.destroy();

async function sendAll(total: number): Promise<void> {
  let begun = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (begun < total) {
        begun += 1;
        await sendOne();
      }
    }),
  );
}

function sendOne(): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': `"${randomUUID()}"` };
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === 201) resolve();
        else reject(new Error(`the edge answered ${String(response.statusCode)}`));
      });
    });
    sent.once('error', reject);
    sent.end('{"note":"a note of some length"}');
  });
}
