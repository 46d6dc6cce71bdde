import type { Benchmark } from './benchmark.ts';
import { captureBenchmark } from './capture.ts';
import { emitBenchmark } from './emit.ts';
import { fanoutBenchmark } from './fanout.ts';
import { idempotencyBenchmark } from './idempotency.ts';
import { idleBenchmark } from './idle.ts';
import { inboxBenchmark } from './inbox.ts';
import { journalBenchmark } from './journal.ts';
import { kafkaBenchmark } from './kafka.ts';
import { laneKafkaBenchmark } from './lane-kafka.ts';
import { latencyBenchmark } from './latency.ts';
import { recoveryBenchmark } from './recovery.ts';
import { sinksBenchmark } from './sinks.ts';
import { snapshotBenchmark } from './snapshot.ts';
import { tokensBenchmark } from './tokens.ts';
import { transactBenchmark } from './transact.ts';

/** Every benchmark by name. */
export const benchmarks: readonly Benchmark[] = [
  captureBenchmark,
  journalBenchmark,
  laneKafkaBenchmark,
  sinksBenchmark,
  kafkaBenchmark,
  latencyBenchmark,
  idleBenchmark,
  idempotencyBenchmark,
  snapshotBenchmark,
  recoveryBenchmark,
  fanoutBenchmark,
  transactBenchmark,
  tokensBenchmark,
  inboxBenchmark,
  emitBenchmark,
];
