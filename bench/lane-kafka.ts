import type { Benchmark } from './benchmark.ts';
import { program } from './measure/run-subject.ts';
import { alternate, describeRun, summarizeCase } from './measure/summary.ts';
import { withKafkaBench } from './workload/kafka-bench.ts';

/** From a filled journal to Kafka, PostgreSQL stopped, beside the same client with the same records in memory. */
export const laneKafkaBenchmark: Benchmark = {
  name: 'lane-kafka',
  summary: 'journal → Kafka, beside the same client fed from memory',
  run: (context) =>
    withKafkaBench(context, async ({ server, workload, journal, brokers, toTopic }) => {
      await server.stop();
      const runs = await alternate(
        context.rounds,
        {
          ours: () => toTopic((topic) => program('subjects/lane-to-kafka.ts', [journal, brokers, topic])),
          peer: () =>
            toTopic((topic) => program('peers/kafka-from-memory.ts', [journal, brokers, topic, workload.rows])),
        },
        (side, index, run) => context.note(`round ${index + 1} ${side}: ${describeRun(run)}`),
      );
      return { cases: [summarizeCase('lane-kafka', runs.ours, runs.peer)] };
    }),
};
