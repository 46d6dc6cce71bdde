import { HeadwaterError, type HeadwaterErrorOptions } from '../foundation/error.ts';

/**
 * What the lane is to do about a failure of a sink. `retry`: waiting can mend it; the write is repeated with growing delays, up to
 * `retry.maxAttempts`. `stop`: it cannot, and no single record is to blame. `poison`: a record is to blame, and the others may be
 * fit: the lane narrows the batch down to it, and parks it or stops in front of it, as `onPoisoned` says.
 */
export type SinkFailureKind = 'retry' | 'stop' | 'poison';

const codes = { retry: 'HW-SINK-013', stop: 'HW-SINK-014', poison: 'HW-SINK-007' } as const;

/**
 * The error by which a sink says what became of `open`, `readCheckpoint` or `write`: `HW-SINK-013` to retry, `HW-SINK-014` to stop,
 * `HW-SINK-007` for a poisoned record. The first line of the message is shown to operators, so it names store and reason and holds
 * no values. A sink whose case has a code of its own (`HW-SINK-001` … `009`) throws a `HeadwaterError` with that. Pure.
 */
export function sinkFailure(
  kind: SinkFailureKind,
  message: string,
  options: HeadwaterErrorOptions = {},
): HeadwaterError {
  return new HeadwaterError(codes[kind], message, options);
}
