import type { ReplayRange } from '../delivery/replay.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { readJsonObject } from './json-body.ts';

/** Begins a replay of a lane. */
export type BeginReplay = (lane: string, from: bigint | 'beginning') => Promise<ReplayRange>;

/** CLI JSON version 1: the answer to `POST /replay`. */
export interface ReplayJson {
  readonly version: 1;
  readonly lane: string;
  /** First and last transaction that is delivered again. */
  readonly from: string;
  readonly through: string;
}

/**
 * Does what a POST asks for: `{ "lane", "from" }`, with `from` a sequence as text, or `beginning`.
 * @throws HW-SERVICE-004 for anything else, and what the replay is refused with
 */
export async function beginReplay(body: AsyncIterable<Uint8Array>, begin: BeginReplay): Promise<ReplayJson> {
  const { lane, from } = await readJsonObject(body);
  const isPlace = typeof from === 'string' && /^(?:beginning|\d{1,19})$/.test(from);
  if (typeof lane !== 'string' || !isPlace) {
    throw new HeadwaterError('HW-SERVICE-004', 'the request cannot be read: it wants texts "lane" and "from"');
  }
  const range = await begin(lane, from === 'beginning' ? from : BigInt(from));
  return { version: 1, lane, from: String(range.from), through: String(range.through) };
}
