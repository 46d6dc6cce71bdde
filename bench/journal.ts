import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import type { Percentiles } from './measure/percentiles.ts';
import { parseResult, program, runProgram, runSubject } from './measure/run-subject.ts';
import {
  alternate,
  type CaseSummary,
  compareRuns,
  describeRun,
  round,
  summarizeCase,
  summarizeSide,
} from './measure/summary.ts';
import { recordsPerGroup } from './workload/journal-records.ts';

const groupCount = 2000;
const lookupByteCount = 10_000_000_000;
const lookupCount = 10_000;
const shapes = [
  { name: 'single_record_transactions', recordsPerTransaction: 1 },
  { name: 'large_transactions', recordsPerTransaction: recordsPerGroup },
];

/** Appending beside a plain write with equal flushes, scanning beside a plain read of the same files, and look-ups. */
export const journalBenchmark: Benchmark = {
  name: 'journal',
  summary: 'append beside a plain sequential write with equal flushes; scan; event look-up',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    const cases: CaseSummary[] = [];
    const scan: Record<string, object> = {};
    try {
      for (const shape of shapes) {
        const { append, scanned } = await measureShape(context, { ...shape, scratch });
        cases.push(append);
        scan[shape.name] = scanned;
      }
      const eventLookup = await measureLookups(context, join(scratch, 'events'));
      return { cases, figures: { scan, eventLookup } };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

/** Looks events up by id in a journal of ten gigabytes. */
async function measureLookups(context: BenchmarkContext, directory: string): Promise<object> {
  const byteCount = Math.round(lookupByteCount * context.scale);
  const subject = program('subjects/locate-events.ts', [directory, byteCount, lookupCount]);
  const { output, peakMemoryMb, cpuSeconds } = await runProgram(subject, context.signal);
  const { rows: _rows, seconds: _seconds, ...result } = parseResult(output) as LookupResult;
  const outcome = { lookups: lookupCount, ...result, peakMemoryMb: round(peakMemoryMb), cpuSeconds: round(cpuSeconds) };
  context.note(`event look-up: ${JSON.stringify(outcome)}`);
  return outcome;
}

interface LookupResult {
  readonly rows: number;
  readonly seconds: number;
  readonly held: Percentiles;
  readonly absent: Percentiles;
}

interface Shape {
  readonly name: string;
  readonly recordsPerTransaction: number;
  readonly scratch: string;
}

async function measureShape(
  context: BenchmarkContext,
  { name, recordsPerTransaction, scratch }: Shape,
): Promise<{ append: CaseSummary; scanned: object }> {
  const groups = Math.max(1, Math.round(groupCount * context.scale));
  const expectation = { rows: groups * recordsPerGroup, signal: context.signal };
  const journal = join(scratch, `${name}-journal`);
  const file = join(scratch, `${name}-plain`);
  const appends = await alternate(
    context.rounds,
    {
      ours: async () => {
        await rm(journal, { recursive: true, force: true });
        return runSubject(
          program('subjects/append-to-journal.ts', [journal, groups, recordsPerTransaction]),
          expectation,
        );
      },
      peer: async () => {
        await rm(file, { force: true });
        return runSubject(program('peers/plain-writer.ts', [file, groups, recordsPerTransaction]), expectation);
      },
    },
    (side, index, run) => context.note(`${name}, append, round ${index + 1} ${side}: ${describeRun(run)}`),
  );
  await rm(file, { force: true });
  const scans = await alternate(
    context.rounds,
    {
      ours: () => runSubject(program('subjects/scan-journal.ts', [journal]), expectation),
      peer: () => runSubject(program('peers/plain-reader.ts', [journal, expectation.rows]), expectation),
    },
    (side, index, run) => context.note(`${name}, scan, round ${index + 1} ${side}: ${describeRun(run)}`),
  );
  await rm(journal, { recursive: true, force: true });
  const { ratio, spread } = compareRuns(scans.ours, scans.peer);
  const scanned = {
    ...summarizeSide(scans.ours),
    plainRead: { ...summarizeSide(scans.peer), ratio, ratioSpread: spread },
  };
  return { append: summarizeCase(name, appends.ours, appends.peer), scanned };
}
