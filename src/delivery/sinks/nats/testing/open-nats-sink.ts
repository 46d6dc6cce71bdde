import type { ErrorCode } from '../../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../../foundation/error.ts';
import { testContext } from '../../kafka/testing/open-test-sink.ts';
import { sampleEvent, sampleOutbound } from '../../kafka/testing/sample-records.ts';
import type { OutboundRecord, Sink, SinkContext } from '../../../sink.ts';
import type { NatsSinkOptions } from '../nats-options.ts';
import { natsSink } from '../nats-sink.ts';
import type { StreamMessage } from './test-streams.ts';

/** Opens a sink as a lane does; short time-outs, so that a test that goes wrong ends. */
export function openNatsSink(
  options: NatsSinkOptions,
  laneName: string,
  fields: Partial<SinkContext> = {},
): Promise<Sink> {
  return natsSink({ requestTimeoutMs: 5_000, ...options }).open(testContext(laneName, fields));
}

/** An event with an id by its sequence. */
export function numberedEvent(sequence: number): OutboundRecord {
  return sampleOutbound(sampleEvent({ id: `id-${sequence}`, key: 'k' }), { sequence });
}

/** One event for each sequence from the first to the last. */
export function numberedEvents(first: number, last: number): OutboundRecord[] {
  return Array.from({ length: last - first + 1 }, (_, index) => numberedEvent(first + index));
}

/** The ids of the lane's messages, in the order of the stream. */
export function idsOf(messages: readonly StreamMessage[]): string[] {
  return messages.flatMap(({ headers }) => headers.get('headwater-id') ?? []);
}

/** The ids of those events. */
export function numberedIds(first: number, last: number): string[] {
  return numberedEvents(first, last).map(({ id }) => id);
}

/** For `assert.rejects`. */
export const withCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof HeadwaterError && error.code === code;
