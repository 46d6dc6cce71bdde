import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { machineMs } from './machine-ms.ts';
import { type Percentiles, summarizeLatencies } from './percentiles.ts';

const blockByteCount = 8192;
const idleFlushCount = 200;
const intervalMs = 100;

/** How long this disk takes for 8 kB written and flushed (`write`, `fdatasync`), nothing else going on. */
export async function measureIdleFlush(directory: string): Promise<Percentiles> {
  await using file = await open(join(directory, 'flush-idle'), 'w');
  const times: number[] = [];
  for (let count = 0; count < idleFlushCount; count += 1) times.push(await flushOnce(file, count));
  return summarizeLatencies(times);
}

/** Resolves with how long the same takes ten times a second while `work` goes on, and with what `work` gives. */
export async function measureFlushDuring<Result>(
  directory: string,
  work: Promise<Result>,
): Promise<{ readonly result: Result; readonly flush: Percentiles }> {
  await using file = await open(join(directory, 'flush-loaded'), 'w');
  const times: number[] = [];
  let isOver = false;
  const probing = (async () => {
    while (!hasEnded()) {
      times.push(await flushOnce(file, times.length));
      await setTimeout(intervalMs);
    }
  })();
  try {
    const result = await work;
    isOver = true;
    await probing;
    return { result, flush: summarizeLatencies(times) };
  } finally {
    isOver = true;
    await probing;
  }

  function hasEnded(): boolean {
    return isOver;
  }
}

const block = Buffer.alloc(blockByteCount, 'x');

async function flushOnce(file: FileHandle, number: number): Promise<number> {
  const startedAt = machineMs();
  await file.write(block, 0, block.length, number * blockByteCount);
  await file.datasync();
  return machineMs() - startedAt;
}
