import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Starts `bench/workload/<name>.ts` in a thread, compiled where this module is. */
export function startThread(name: 'commit-worker' | 'consume-worker' | 'request-worker', workerData: unknown): Worker {
  const file = `../workload/${name}${extname(import.meta.url)}`;
  return new Worker(new URL(file, import.meta.url), { workerData });
}
