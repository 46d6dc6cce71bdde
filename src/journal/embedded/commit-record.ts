import { toLsn } from '../../model/lsn.ts';
import { toSequence, type Sequence } from '../../model/position.ts';
import type { CommitBoundary } from '../../model/transaction.ts';
import type { Frame } from './frame.ts';

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

/** The record at the beginning of a commit frame's body; undefined when the body is too short for one. */
export function decodeCommitRecord(frame: Frame): CommitRecord | undefined {
  const { body } = frame;
  if (body.length < commitRecordLength) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, commitRecordLength);
  return {
    xid: frame.xid,
    sequence: toSequence(view.getBigUint64(0, true)),
    commitLsn: toLsn(view.getBigUint64(8, true)),
    commitEndLsn: toLsn(view.getBigUint64(16, true)),
    commitTimeMicros: view.getBigInt64(24, true),
    schemaCount: view.getUint32(32, true),
    messageCount: view.getUint32(36, true),
    fragmentCount: view.getUint32(40, true),
    fragmentsCrc: view.getUint32(44, true),
    firstFragmentOffset: getUint53(view, 48),
    bodyByteCount: getUint53(view, 56),
  };
}

/** Writes a whole number below 2^53 as 64 bits, without the cost of a bigint. */
export function setUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Reads 64 bits as a number; one above 2^53 loses digits, and no offset or length reaches that. */
export function getUint53(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}
