import type { Benchmark } from './benchmark.ts';
import { captureBenchmark } from './capture.ts';

/** Every benchmark by name. */
export const benchmarks: readonly Benchmark[] = [captureBenchmark];
