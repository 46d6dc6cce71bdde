import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { program, runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, type CaseSummary, describeRun, type Run, summarizeCase } from './measure/summary.ts';
import { fillJournal } from './workload/kafka-bench.ts';
import { type SinkKind, sinkKinds } from './workload/sink-kinds.ts';
import { sinkPlaces } from './workload/sink-places.ts';
import { fillSlotWorkload } from './workload/slot-workload.ts';

interface FilledJournal {
  readonly directory: string;
  readonly rows: number;
}

/** In transactions of a thousand rows, so that a transaction is a batch for both sides. */
const rowsPerTransaction = 1000;
/**
 * Where records go out one by one, and the store flushes each, fewer are enough. As many as it takes for the compilation of what
 * is run first, a quarter of a CPU second on our side, to weigh little: a lane runs for months.
 */
const transactions = { batched: 400, single: 60 } as const;
const singleKinds: readonly SinkKind[] = ['nats', 'rabbitmq', 'webhook'];

/** From a filled journal to each store, PostgreSQL stopped, beside the bare client with the same records in memory. */
export const sinksBenchmark: Benchmark = {
  name: 'sinks',
  summary: 'journal → each store but Kafka, beside its bare client fed from memory',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      const journals = await fillJournals(context, scratch);
      const cases: CaseSummary[] = [];
      for (const kind of sinkKinds) {
        const journal = singleKinds.includes(kind) ? journals.single : journals.batched;
        cases.push(await runCase(context, { kind, journal, scratch: await mkdtemp(join(scratch, `${kind}-`)) }));
      }
      return { cases };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function fillJournals(
  context: BenchmarkContext,
  scratch: string,
): Promise<Record<keyof typeof transactions, FilledJournal>> {
  await using server = await startScratchPostgres({ major: 18, signal: context.signal });
  const fill = async (name: keyof typeof transactions): Promise<FilledJournal> => {
    const workload = await fillSlotWorkload({
      name,
      transactions: Math.max(1, Math.round(transactions[name] * context.scale)),
      rowsPerTransaction,
      url: server.url,
      note: (line) => context.note(line),
    });
    const directory = join(scratch, name);
    await fillJournal(context, workload, directory);
    await workload.release();
    return { directory, rows: workload.rows };
  };
  return { batched: await fill('batched'), single: await fill('single') };
}

interface CaseOptions {
  readonly kind: SinkKind;
  readonly journal: FilledJournal;
  readonly scratch: string;
}

async function runCase(context: BenchmarkContext, { journal, kind, scratch }: CaseOptions): Promise<CaseSummary> {
  const { signal } = context;
  context.note(`${kind}: ${journal.rows} rows`);
  await using place = await sinkPlaces[kind]({ scratch, signal });
  let number = 0;
  const run = async (subject: (directory: string, target: string) => Subject): Promise<Run> => {
    number += 1;
    // A lane's place is kept with the journal, so each run has one that nobody has read.
    const directory = join(scratch, `journal-${number}`);
    await cp(journal.directory, directory, { recursive: true });
    try {
      return await runSubject(subject(directory, await place.next(number)), { rows: journal.rows, signal });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
  const runs = await alternate(
    context.rounds,
    {
      ours: () => run((directory, target) => program('subjects/lane-to-sink.ts', [kind, directory, target])),
      peer: () =>
        run((directory, target) => program('peers/client-from-memory.ts', [kind, directory, target, journal.rows])),
    },
    (side, index, result) => context.note(`${kind} round ${index + 1} ${side}: ${describeRun(result)}`),
  );
  return summarizeCase(kind, runs.ours, runs.peer);
}
