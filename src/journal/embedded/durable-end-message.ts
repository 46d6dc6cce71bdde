import { z } from 'zod';

import { toLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import type { DurablePlace } from './durable-place.ts';

/**
 * What the owner of a journal sends to readers in other processes: one line of JSON at the connection, and one whenever the
 * durable end has moved. Readers send nothing.
 */
export interface DurableEndMessage {
  readonly version: 1;
  readonly journalId: string;
  readonly place: DurablePlace;
}

/** A line longer than this is none of ours. */
export const messageLengthMax = 4096;

const number64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);

const messageSchema = z.strictObject({
  version: z.literal(1),
  journalId: z.string(),
  sequence: number64.transform(toSequence),
  recordedLsn: number64.transform(toLsn),
  segment: z.int(),
  offset: z.int(),
});

/** The message as its line, line feed included. */
export function encodeEndMessage({ version, journalId, place }: DurableEndMessage): string {
  const { sequence, recordedLsn, segment, offset } = place;
  const line = { version, journalId, sequence: String(sequence), recordedLsn: String(recordedLsn), segment, offset };
  return `${JSON.stringify(line)}\n`;
}

/** Undefined for a line that is none. */
export function decodeEndMessage(line: string): DurableEndMessage | undefined {
  try {
    const parsed = messageSchema.safeParse(JSON.parse(line));
    if (parsed.data === undefined) return undefined;
    const { version, journalId, ...place } = parsed.data;
    return { version, journalId, place };
  } catch {
    return undefined;
  }
}
