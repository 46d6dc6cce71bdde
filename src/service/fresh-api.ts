import type { Freshness, ReadyOptions } from '../model/freshness.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type FollowedLane, freshnessOf, type FreshReads } from './fresh-reads.ts';

/** What the answers to `GET /fresh` come from. */
export type FreshAnswers = Pick<FreshReads, 'readyFor' | 'readBoundaries'>;

/** What a request is answered with. */
export interface FreshRequest {
  readonly fresh?: FreshAnswers | undefined;
  readonly lanes: readonly FollowedLane[];
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** The longest wait that one request may ask for. */
const timeoutMsMax = 60_000;

/**
 * Answers `GET /fresh?lane=…&token=…&timeoutMs=…&parked=…`, CLI JSON version 1. With lane and token: waits until the lane shows the
 * token. With a lane alone: how far it is. With a token alone: what is known of it at each boundary.
 * @throws HW-SERVICE-004 for other parameters, HW-SERVICE-005, and what the wait is refused with
 */
export async function answerFresh(search: URLSearchParams, { fresh, lanes, signal }: FreshRequest): Promise<object> {
  const [laneName, token] = [search.get('lane'), search.get('token')];
  if (fresh === undefined) throw new HeadwaterError('HW-TOKEN-008', 'this process stands by and has no lanes yet');
  if (laneName === null) {
    if (token === null) throw unreadable('it wants a lane, a token, or both');
    return { version: 1, ...(await fresh.readBoundaries(token)) };
  }
  const lane = lanes.find(({ name }) => name === laneName);
  if (lane === undefined) throw new HeadwaterError('HW-SERVICE-005', `no lane is called "${laneName.slice(0, 80)}"`);
  if (token === null)
    return toJson({ ...freshnessOf(lane), parkedCount: lane.status().parkedRecordCount, waitedMs: 0 });
  return toJson(await fresh.readyFor(lane, token, { ...readOptions(search), signal }));
}

function readOptions(search: URLSearchParams): ReadyOptions {
  const [timeout, parked] = [search.get('timeoutMs'), search.get('parked')];
  if (timeout !== null && !(/^\d{1,6}$/.test(timeout) && Number(timeout) <= timeoutMsMax)) {
    throw unreadable(`timeoutMs is a number of milliseconds up to ${timeoutMsMax}`);
  }
  if (parked !== null && parked !== 'refuse' && parked !== 'allow') throw unreadable('parked is "refuse" or "allow"');
  return { timeoutMs: timeout === null ? undefined : Number(timeout), parked: parked ?? undefined };
}

function unreadable(reason: string): HeadwaterError {
  return new HeadwaterError('HW-SERVICE-004', `the request cannot be read: ${reason}`);
}

/** 64-bit numbers as text. */
function toJson({ lag, lane, parkedCount, position, waitedMs }: Freshness): object {
  return {
    version: 1,
    lane,
    position: {
      sequence: String(position.sequence),
      commitEndLsn: String(position.commitEndLsn),
      commitTimeMicros: String(position.commitTimeMicros),
    },
    lag: { transactionCount: String(lag.transactionCount), ageMs: lag.ageMs },
    parkedCount,
    waitedMs: Math.round(waitedMs * 1000) / 1000,
  };
}
