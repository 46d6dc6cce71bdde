import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { ReadyOptions } from '../../model/freshness.ts';
import { decodeVersionToken } from '../../model/version-token.ts';

/** A store that can be read once it shows a token: a view, the store behind a lane, a standby. */
export interface FreshSource<Value> {
  readonly name: string;
  /** Resolves when the store shows what the token stands for. @throws HW-TOKEN codes */
  readyFor(token: string, options: ReadyOptions): Promise<unknown>;
  read(): Value | Promise<Value>;
}

/** What to do for a read that must not miss a write. */
export type FreshPolicy = 'route' | 'wait' | 'primary';

/** One read. */
export interface ReadFreshOptions<Value> {
  /** Undefined: the client has written nothing that it must see. Nothing is waited for then. */
  readonly token: string | undefined;
  /** In the order of preference. */
  readonly sources: readonly [FreshSource<Value>, ...FreshSource<Value>[]];
  /** Reads the primary. */
  readonly primary?: (() => Value | Promise<Value>) | undefined;
  /**
   * What is tried, in this order. `route`: the first source that is fresh already. `wait`: the first one that becomes fresh within
   * `timeoutMs`. `primary`: the primary, which always is. Default: all three.
   */
  readonly policy?: readonly FreshPolicy[];
  /** Default 2000 ms, for `wait` as a whole. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** A value that shows what the token stands for. */
export interface FreshAnswer<Value> {
  readonly value: Value;
  /** Name of the source, or `primary`. */
  readonly from: string;
  readonly waitedMs: number;
}

/**
 * Reads from whatever shows what the token stands for, and never from anything else.
 * @throws HW-TOKEN-001, -002 for what is no token, at once; else, when nothing of the policy is left, why the preferred source could not
 * be read: HW-TOKEN-005 with the lag. What the read itself throws. Rejects with `signal.reason` on cancel.
 */
export async function readFresh<Value>(options: ReadFreshOptions<Value>): Promise<FreshAnswer<Value>> {
  const { clock = systemClock, policy = ['route', 'wait', 'primary'], primary, signal, sources, token } = options;
  const startedMs = clock.monotonicMs();
  const answer = async (from: string, read: () => Value | Promise<Value>): Promise<FreshAnswer<Value>> => {
    const waitedMs = clock.monotonicMs() - startedMs;
    return { value: await read(), from, waitedMs };
  };
  const [preferred] = sources;
  if (token === undefined) return await answer(preferred.name, () => preferred.read());
  decodeVersionToken(token);
  let refusal: unknown = new HeadwaterError('HW-TOKEN-005', 'no way of the policy leads to a store that could be read');
  for (const way of policy) {
    signal?.throwIfAborted();
    if (way === 'primary') {
      if (primary !== undefined) return await answer('primary', primary);
      continue;
    }
    const found = way === 'route' ? await findReady(token, options) : await waitForFirst(token, options);
    const { source } = found;
    if (source !== undefined) return await answer(source.name, () => source.read());
    refusal = found.refusal;
  }
  signal?.throwIfAborted();
  throw refusal;
}

interface Found<Value> {
  readonly source?: FreshSource<Value>;
  /** Why the preferred source was not ready. */
  readonly refusal?: unknown;
}

async function findReady<Value>(token: string, options: ReadFreshOptions<Value>): Promise<Found<Value>> {
  const refusals: unknown[] = [];
  for (const source of options.sources) {
    try {
      await source.readyFor(token, { timeoutMs: 0, signal: options.signal });
      return { source };
    } catch (thrown) {
      refusals.push(thrown);
    }
  }
  return { refusal: refusals[0] };
}

async function waitForFirst<Value>(token: string, options: ReadFreshOptions<Value>): Promise<Found<Value>> {
  const { signal, sources, timeoutMs = 2000 } = options;
  const ended = new AbortController();
  const signals = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
  try {
    const source = await Promise.any(
      sources.map(async (source) => {
        await source.readyFor(token, { timeoutMs, signal: signals });
        return source;
      }),
    );
    return { source };
  } catch (thrown) {
    return { refusal: thrown instanceof AggregateError ? thrown.errors[0] : thrown };
  } finally {
    ended.abort(new HeadwaterError('HW-INTERNAL-003', 'another source was fresh'));
  }
}
