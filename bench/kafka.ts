import type { Benchmark } from './benchmark.ts';
import { program } from './measure/run-subject.ts';
import { alternate, compareRuns, describeRun, summarizeCase } from './measure/summary.ts';
import { withKafkaBench } from './workload/kafka-bench.ts';

/** From the slot to the acknowledgement of Kafka, beside the slower of walsender alone and producer alone. */
export const kafkaBenchmark: Benchmark = {
  name: 'kafka',
  summary: 'slot → acknowledged in Kafka, beside the slower of walsender alone and producer alone',
  run: (context) =>
    withKafkaBench(context, async ({ workload, journal, brokers, toTopic, fromSlotToTopic, onSlot }) => {
      const { url, publication, commits, rows } = workload;
      const runs = await alternate(
        context.rounds,
        {
          ours: () =>
            fromSlotToTopic((slot, directory, topic) =>
              program('subjects/slot-to-kafka.ts', [url, slot, publication, commits, directory, brokers, topic]),
            ),
          walsender: () => onSlot((slot) => program('peers/bare-reader.ts', [url, slot, publication, commits])),
          producer: () => toTopic((topic) => program('peers/kafka-from-memory.ts', [journal, brokers, topic, rows])),
        },
        (side, index, run) => context.note(`round ${index + 1} ${side}: ${describeRun(run)}`),
      );
      const slower = runs.walsender.map((run, index) => {
        const producer = runs.producer[index];
        return producer !== undefined && producer.seconds > run.seconds ? producer : run;
      });
      const others = {
        walsender: compareRuns(runs.ours, runs.walsender).ratio,
        producer: compareRuns(runs.ours, runs.producer).ratio,
      };
      return { cases: [{ ...summarizeCase('kafka', runs.ours, slower), others }] };
    }),
};
