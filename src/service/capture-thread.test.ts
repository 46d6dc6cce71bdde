import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';

import { CaptureThread } from './capture-thread.ts';

/** Starts one, and finds the thread behind it as the process is told of it. */
async function startThread(): Promise<{ readonly thread: CaptureThread; readonly worker: Worker }> {
  const started = once(process, 'worker');
  const thread = new CaptureThread();
  const [worker] = (await started) as [Worker];
  return { thread, worker };
}

const endedId = -1;

test('a thread that nobody took ends with its owner, and one that was taken goes on', async () => {
  const untaken = await startThread();
  await untaken.thread[Symbol.asyncDispose]();
  assert.equal(untaken.worker.threadId, endedId);
  const { thread, worker } = await startThread();
  assert.equal(thread.take(), worker);
  await thread[Symbol.asyncDispose]();
  assert.notEqual(worker.threadId, endedId);
  await worker.terminate();
});

test('who takes a thread that is taken, or has ended, gets another', async () => {
  const { thread, worker } = await startThread();
  await worker.terminate();
  const second = thread.take();
  const third = thread.take();
  assert.equal(new Set([worker, second, third]).size, 3);
  for (const taken of [second, third]) {
    assert.notEqual(taken.threadId, endedId);
    await taken.terminate();
  }
});
