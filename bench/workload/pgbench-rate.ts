import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { findPostgresTool } from '../../scripts/services/postgres-tools.ts';
import { summarizeLatencies } from '../measure/percentiles.ts';
import { round } from '../measure/summary.ts';

const run = promisify(execFile);

/** Where pgbench works. */
export interface PgbenchLoad {
  readonly url: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** What pgbench reached. Latencies count from the moment when a transaction was due. */
export interface PgbenchRate {
  readonly tps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const scale = 10;
const clientCount = 4;

/** Runs pgbench's own transactions: as many as it can, or at a rate. Makes its tables the first time. */
export async function measurePgbench(
  { url, directory, signal }: PgbenchLoad,
  { seconds, offeredTps }: { readonly seconds: number; readonly offeredTps?: number },
): Promise<PgbenchRate> {
  const tool = await findPostgresTool('pgbench');
  if (tool.kind === 'missing') throw new Error(tool.reason);
  const scratch = await mkdtemp(join(directory, 'pgbench-'));
  try {
    if (offeredTps === undefined) await run(tool.path, ['-i', '-q', '-s', String(scale), url], { signal });
    const rate = offeredTps === undefined ? [] : ['-R', String(offeredTps)];
    const words = ['-n', '-c', String(clientCount), '-T', String(seconds), ...rate];
    const { stdout } = await run(tool.path, [...words, '-l', `--log-prefix=${join(scratch, 'log')}`, url], { signal });
    const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
    const { p50Ms, p99Ms } = summarizeLatencies(await readLatencies(scratch));
    return { tps: round(tps), p50Ms, p99Ms };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Lines `client transaction latency script seconds micros [lag]`, microseconds. */
async function readLatencies(directory: string): Promise<readonly number[]> {
  const texts = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')));
  return texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split(' ')[2]) / 1000),
  );
}
