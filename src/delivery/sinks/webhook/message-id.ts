import { createHash } from 'node:crypto';

/** What is safe in a header and in the signed text, whose parts are joined by dots. */
const safeId = /^[A-Za-z0-9_:/+=-]{1,200}$/;

/**
 * The id of a message: the record's own where that has no dot and nothing strange, else the SHA-256 of it. Either way the
 * same over every delivery, which is what a receiver drops repetitions by. Pure.
 */
export function toMessageId(recordId: string): string {
  if (safeId.test(recordId)) return recordId;
  return `sha256-${createHash('sha256').update(recordId).digest('base64url')}`;
}
