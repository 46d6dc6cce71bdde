import { HeadwaterError } from '../../../foundation/error.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import type { MessagePosition, PositionEntry } from './lane-position.ts';

/** What is found in NATS before anything is written. */
export interface FoundPosition {
  readonly stream: string;
  /** When the stream was made. */
  readonly created: string;
  /** The number of the stream's last message, also when that one is gone; 0 when there never was one. */
  readonly lastSequence: number;
  /** That message: of this lane with its position, of somebody else, or gone. */
  readonly last: { readonly kind: 'own'; readonly position: MessagePosition } | { readonly kind: 'foreign' | 'gone' };
  /** What the position stream holds for the lane. */
  readonly entry: PositionEntry | undefined;
  /** The number of the last message that the user accepts as it is. */
  readonly acceptStreamSequence: number | undefined;
}

/** Where a lane stands. */
export interface LanePlaceInStream {
  /** Undefined when the lane has published nothing yet. */
  readonly checkpoint: Checkpoint | undefined;
  readonly part: number;
  /** The stream has lost messages of the lane, and its last one says from where they are delivered again. */
  readonly isBehind: boolean;
}

/**
 * Where the lane stands, by what is in the stream: never by a guess. Pure.
 *
 * P1: as long as the stream has no message behind the kept number, the kept position is right, whatever was removed.
 * P2: else the last message of the stream tells it. Each message was taken only behind the one before it, so everything in
 *     front of a message of the lane is there as well.
 * P3: a stream that lost its end, or was restored from an older copy, is known by its last message too: what is missing is
 *     delivered again.
 * P4: a last message that is not the lane's, or that is gone, tells nothing: a refusal by name.
 *
 * @throws HW-NATS-012, HW-NATS-013, HW-NATS-014
 */
export function findPosition(found: FoundPosition): LanePlaceInStream {
  const { entry, last, lastSequence } = found;
  const isKnownStream = entry !== undefined && entry.stream === found.stream && entry.created === found.created;
  if (isKnownStream && entry.streamSequence === lastSequence) return kept(entry);
  if (last.kind === 'own') {
    const isBehind = entry !== undefined && (!isKnownStream || lastSequence < entry.streamSequence);
    return { ...last.position, isBehind };
  }
  if (entry === undefined) return { checkpoint: undefined, part: 0, isBehind: false };
  if (found.acceptStreamSequence === lastSequence && lastSequence > 0) return kept(entry);
  throw refuse(found, entry, isKnownStream && lastSequence > entry.streamSequence);
}

function kept({ checkpoint, part }: PositionEntry): LanePlaceInStream {
  return { checkpoint, part, isBehind: false };
}

function refuse(found: FoundPosition, entry: PositionEntry, isAhead: boolean): HeadwaterError {
  const { last, lastSequence, stream } = found;
  const what = last.kind === 'foreign' ? 'is not of this lane' : 'is gone';
  const subject =
    lastSequence === 0 ? `stream "${stream}" is empty` : `message ${lastSequence} of stream "${stream}" ${what}`;
  const known = `the lane knew message ${entry.streamSequence} of stream "${entry.stream}" as the last`;
  const code = !isAhead ? 'HW-NATS-014' : last.kind === 'foreign' ? 'HW-NATS-012' : 'HW-NATS-013';
  const hint = `Look at the stream: nats stream info ${stream}. To go on behind its last message: acceptStreamSequence: ${lastSequence}.`;
  return new HeadwaterError(code, `${subject}; ${known}`, {
    details: { stream, lastSequence, knownSequence: entry.streamSequence },
    ...(lastSequence === 0 ? {} : { hint }),
  });
}
