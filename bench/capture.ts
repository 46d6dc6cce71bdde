import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import { findPostgresTool } from '../scripts/services/postgres-tools.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, compareRuns, round, summarizeSide, type CaseSummary, type Run } from './measure/summary.ts';
import { fillSlotWorkload, type SlotWorkload } from './workload/slot-workload.ts';

/** From the slot to a flushed journal, beside a bare reader that throws everything away, and beside pg_recvlogical. */
export const captureBenchmark: Benchmark = {
  name: 'capture',
  summary: 'slot → flushed journal, beside a bare reader and pg_recvlogical',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({
        major: 18,
        settings: { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '256MB' },
      });
      return await runCases(context, server.url, scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function runCases(context: BenchmarkContext, url: string, scratch: string): Promise<BenchmarkOutcome> {
  const shapes = [
    { name: 'large_transactions', transactions: 200, rowsPerTransaction: 5000 },
    { name: 'single_row_transactions', transactions: 200_000, rowsPerTransaction: 1 },
  ];
  const cases: CaseSummary[] = [];
  for (const shape of shapes) {
    const transactions = Math.max(1, Math.round(shape.transactions * context.scale));
    const workload = await fillSlotWorkload({ ...shape, transactions, url, note: (line) => context.note(line) });
    cases.push(await runCase(context, { name: shape.name, workload, scratch }));
    await workload.release();
  }
  return { cases };
}

interface CaseOptions {
  readonly name: string;
  readonly workload: SlotWorkload;
  readonly scratch: string;
}

async function runCase(context: BenchmarkContext, { name, workload, scratch }: CaseOptions): Promise<CaseSummary> {
  const recvlogical = await findPostgresTool('pg_recvlogical');
  if (recvlogical.kind === 'missing') throw new Error(recvlogical.reason);
  let number = 0;
  const onSlot = async (subject: (slot: string, directory: string) => Subject): Promise<Run> => {
    number += 1;
    const slot = `${workload.publication}_${number}`;
    const directory = join(scratch, slot);
    await workload.copySlot(slot);
    const run = await runSubject(workload, slot, subject(slot, directory));
    await workload.dropSlot(slot);
    await rm(directory, { recursive: true, force: true });
    return run;
  };
  const { url, publication, commits, rows } = workload;
  const runs = await alternate(
    context.rounds,
    {
      ours: () =>
        onSlot((slot, directory) =>
          program('subjects/capture-to-journal.ts', [url, slot, publication, String(commits), String(rows), directory]),
        ),
      peer: () => onSlot((slot) => program('peers/bare-reader.ts', [url, slot, publication, String(commits)])),
      pg_recvlogical: async () => {
        const endLsn = await workload.endLsn();
        return onSlot((slot, directory) =>
          recvlogicalSubject(recvlogical.path, { url, slot, publication, endLsn, directory }),
        );
      },
    },
    (side, index, run) => context.note(`${name} round ${index + 1} ${side}: ${describeRun(run)}`),
  );
  const { ratio, spread } = compareRuns(runs.ours, runs.peer);
  return {
    name,
    ratio,
    ratioSpread: spread,
    ours: summarizeSide(runs.ours),
    peer: summarizeSide(runs.peer),
    rounds: context.rounds,
    others: { pg_recvlogical: compareRuns(runs.ours, runs.pg_recvlogical).ratio },
  };
}

function program(path: string, args: readonly string[]): Subject {
  return { command: process.execPath, args: [join(import.meta.dirname, path), ...args], printsResult: true };
}

interface RecvlogicalOptions {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly endLsn: string;
  readonly directory: string;
}

function recvlogicalSubject(command: string, options: RecvlogicalOptions): Subject {
  const { url, slot, publication, endLsn, directory } = options;
  const settings = ['proto_version=1', `publication_names=${publication}`, 'messages=true'].flatMap((text) => [
    '-o',
    text,
  ]);
  const args = ['-d', url, '--slot', slot, '--start', `--endpos=${endLsn}`, '-f', `${directory}.out`, ...settings];
  return { command, args: [...args, '--no-loop', '--fsync-interval=1'], printsResult: false };
}

function describeRun(run: Run): string {
  const rate = Math.round(run.rows / run.seconds);
  return `${rate} rows/s, ${run.cpuSeconds} CPU s, walsender ${run.walsenderCpuSeconds ?? 0} CPU s, ${round(run.peakMemoryMb)} MB`;
}
