import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { program, runSubject } from './measure/run-subject.ts';
import { alternate, type CaseSummary, describeRun, type Run, summarizeCase } from './measure/summary.ts';
import { type EmitDatabase, prepareEmitDatabase } from './workload/emit-database.ts';
import { type EmitKind, emitKinds, type EmitSide } from './workload/emit-kinds.ts';

const transactionCount = 4000;

/** Transactions with one row and one event through each client library, beside the same with an outbox insert by hand. */
export const emitBenchmark: Benchmark = {
  name: 'emit',
  summary: 'row and event in one transaction of each library, beside an outbox insert by hand in the same one',
  async run(context) {
    await using server = await startScratchPostgres({ major: 18, signal: context.signal });
    await using database = await prepareEmitDatabase(server.url);
    const cases: CaseSummary[] = [];
    for (const kind of emitKinds) {
      const runs = await runKind(context, kind, database);
      for (const mode of ['outbox', 'message'] as const) {
        cases.push(summarizeCase(`${kind}, mode ${mode}`, runs[mode], runs.hand));
      }
    }
    return { cases };
  },
};

async function runKind(
  context: BenchmarkContext,
  kind: EmitKind,
  database: EmitDatabase,
): Promise<Readonly<Record<EmitSide, readonly Run[]>>> {
  const { rounds, scale, signal } = context;
  const rows = Math.max(1, Math.round(transactionCount * scale));
  context.note(`${kind}: ${rows} transactions`);
  const run = async (side: EmitSide): Promise<Run> => {
    await database.empty();
    return runSubject(program('subjects/emit-transactions.ts', [kind, side, database.url, rows]), { rows, signal });
  };
  return alternate(
    rounds,
    { outbox: () => run('outbox'), message: () => run('message'), hand: () => run('hand') },
    (side, index, result) => context.note(`${kind} round ${index + 1} ${side}: ${describeRun(result)}`),
  );
}
