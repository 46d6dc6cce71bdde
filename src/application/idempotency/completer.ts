import { HeadwaterError } from '../../foundation/error.ts';
import { attempt } from './attempt.ts';
import type { AnyKeyedOperation } from './run-operation.ts';
import type { IdempotencySettings } from './settings.ts';

/** What one pass did. */
export interface CompletedPass {
  /** Abandoned operations that came to their final answer. */
  readonly finished: number;
  /** Those that failed again, or answered that they are to be tried later. They are taken up again after a longer pause. */
  readonly unfinished: number;
}

/** How abandoned operations are found. Every field has a default. */
export interface CompleteOptions {
  /** How long a lease has ended before the completer takes it, times the attempts so far: the client comes first. Default 10,000 ms. */
  readonly graceMs?: number;
  /** From then on it is left to people: `listUnfinished`. Default 20. */
  readonly attemptsMax?: number;
  /** Operations of one pass, at most. Default 100. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Finishes what nobody works on any more, one after the other, with the input that was stored. */
export async function completeAbandoned(
  operations: ReadonlyMap<string, AnyKeyedOperation>,
  settings: IdempotencySettings,
  options: CompleteOptions,
): Promise<CompletedPass> {
  const { graceMs = 10_000, attemptsMax = 20, limit = 100, signal } = options;
  const { store } = settings.tools;
  const abandoned = await store.listAbandoned({ operations: [...operations.keys()], graceMs, attemptsMax, limit });
  let finished = 0;
  let unfinished = 0;
  for (const { epoch, ...scopedKey } of abandoned) {
    signal?.throwIfAborted();
    const operation = operations.get(scopedKey.operation);
    const lease = operation === undefined ? undefined : await store.takeOver(scopedKey, epoch);
    // Undefined: the client was faster.
    if (operation === undefined || lease === undefined) continue;
    const end = await attempt(operation, lease, { settings, by: 'completer' });
    if (end.kind === 'final') finished += 1;
    else unfinished += 1;
  }
  return { finished, unfinished };
}

/** How the loop runs. Every field has a default. */
export interface CompleterOptions extends Omit<CompleteOptions, 'signal'> {
  /** Between two passes. Default 10,000 ms. */
  readonly intervalMs?: number;
  /** Expired keys that are removed by one statement. Default 1000. */
  readonly reapLimit?: number;
  /** Told what a pass did, when it did anything. */
  readonly onPass?: (pass: CompletedPass & { readonly reaped: number }) => void;
  /** Told of a pass that threw; the next one comes all the same. */
  readonly onError: (error: unknown) => void;
}

/** A running loop. Disposal waits for the pass that is under way, up to the end of its present operation. */
export type Completer = AsyncDisposable;

/** One pass of completing and of reaping after the other until it is disposed of. */
export function startCompleter(
  passes: { complete(options: CompleteOptions): Promise<CompletedPass>; reap(limit: number): Promise<number> },
  { tools }: IdempotencySettings,
  options: CompleterOptions,
): Completer {
  const { intervalMs = 10_000, reapLimit = 1000, onPass, onError, ...completing } = options;
  const stop = new AbortController();
  const pass = async (): Promise<void> => {
    const completed = await passes.complete({ ...completing, signal: stop.signal });
    const reaped = await passes.reap(reapLimit);
    if (completed.finished + completed.unfinished + reaped > 0) onPass?.({ ...completed, reaped });
  };
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await pass().catch((thrown: unknown) => {
        if (!stop.signal.aborted) onError(thrown);
      });
      await tools.clock.sleep(intervalMs, stop.signal).catch(() => undefined);
    }
  };
  const ended = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new HeadwaterError('HW-IDEMPOTENCY-006', 'the completer is being stopped'));
      await ended;
    },
  };
}

/** How unfinished keys are listed. Every field has a default. */
export interface ListUnfinishedOptions {
  /** Keys that are at least this old. Default 24 hours. */
  readonly ageMs?: number;
  /** Default 100. */
  readonly limit?: number;
}
