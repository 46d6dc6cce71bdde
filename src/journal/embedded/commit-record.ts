import { toLsn } from '../../model/lsn.ts';
import { toSequence, type Sequence } from '../../model/position.ts';
import type { CommitBoundary } from '../../model/transaction.ts';
import type { Frame } from './frame.ts';
import { getUint53, setUint53 } from './uint53.ts';

/** Length of the record at the start of every commit frame's body. */
export const commitRecordLength = 64;

/** What a commit frame says of its transaction (`docs/reference/journal-format-1.md`, "Commit record"). */
export interface CommitRecord extends CommitBoundary {
  readonly sequence: Sequence;
  readonly schemaCount: number;
  readonly messageCount: number;
  readonly fragmentCount: number;
  readonly fragmentsCrc: number;
  readonly firstFragmentOffset: number;
  readonly bodyByteCount: number;
}

/** Writes the record at `at`. The transaction id stands in the frame's header. */
export function encodeCommitRecord(view: DataView, at: number, record: CommitRecord): void {
  view.setBigUint64(at, record.sequence, true);
  view.setBigUint64(at + 8, record.commitLsn, true);
  view.setBigUint64(at + 16, record.commitEndLsn, true);
  view.setBigInt64(at + 24, record.commitTimeMicros, true);
  view.setUint32(at + 32, record.schemaCount, true);
  view.setUint32(at + 36, record.messageCount, true);
  view.setUint32(at + 40, record.fragmentCount, true);
  view.setUint32(at + 44, record.fragmentsCrc, true);
  setUint53(view, at + 48, record.firstFragmentOffset);
  setUint53(view, at + 56, record.bodyByteCount);
}

/** The messages behind the record. */
export function messagesOf(commit: Frame): Uint8Array {
  return commit.bodyFrom(commitRecordLength);
}

/** The record at the beginning of a commit frame's body; undefined when the body is too short for one. */
export function decodeCommitRecord(frame: Frame): CommitRecord | undefined {
  if (frame.bodyLength < commitRecordLength) return undefined;
  const { view, bodyStart: at } = frame;
  return {
    xid: frame.xid,
    sequence: toSequence(view.getBigUint64(at, true)),
    commitLsn: toLsn(view.getBigUint64(at + 8, true)),
    commitEndLsn: toLsn(view.getBigUint64(at + 16, true)),
    commitTimeMicros: view.getBigInt64(at + 24, true),
    schemaCount: view.getUint32(at + 32, true),
    messageCount: view.getUint32(at + 36, true),
    fragmentCount: view.getUint32(at + 40, true),
    fragmentsCrc: view.getUint32(at + 44, true),
    firstFragmentOffset: getUint53(view, at + 48),
    bodyByteCount: getUint53(view, at + 56),
  };
}
