import { systemClock } from '../../../../foundation/clock.ts';
import { silentLogger } from '../../../../foundation/logger.ts';
import { systemRandom } from '../../../../foundation/random.ts';
import type { Sink, SinkContext } from '../../../sink.ts';
import type { KafkaSinkOptions } from '../kafka-options.ts';
import { kafkaSink } from '../kafka-sink.ts';
import { sampleJournalId } from './sample-records.ts';

/** A context as a lane gives it. */
export function testContext(laneName: string, fields: Partial<SinkContext> = {}): SinkContext {
  return {
    installation: 'test',
    laneName,
    journalId: sampleJournalId,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    signal: new AbortController().signal,
    ...fields,
  };
}

/** Opens a sink as a lane does; short time-outs, so that a test that goes wrong ends. */
export function openTestSink(
  options: KafkaSinkOptions,
  laneName: string,
  fields: Partial<SinkContext> = {},
): Promise<Sink> {
  return kafkaSink({ requestTimeoutMs: 5_000, transactionTimeoutMs: 10_000, ...options }).open(
    testContext(laneName, fields),
  );
}
