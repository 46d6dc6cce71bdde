import { type Lsn, toLsn } from '../../model/lsn.ts';
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
  return frame.bodyLength < commitRecordLength
    ? undefined
    : new StoredCommitRecord(frame.xid, frame.view, frame.bodyStart);
}

/** Reads each number where it is asked for: of most transactions a reader wants a few, and each bigint is an object. */
class StoredCommitRecord implements CommitRecord {
  readonly xid: number;
  readonly #view: DataView;
  readonly #at: number;

  constructor(xid: number, view: DataView, at: number) {
    this.xid = xid;
    this.#view = view;
    this.#at = at;
  }

  get sequence(): Sequence {
    return toSequence(this.#view.getBigUint64(this.#at, true));
  }

  get commitLsn(): Lsn {
    return toLsn(this.#view.getBigUint64(this.#at + 8, true));
  }

  get commitEndLsn(): Lsn {
    return toLsn(this.#view.getBigUint64(this.#at + 16, true));
  }

  get commitTimeMicros(): bigint {
    return this.#view.getBigInt64(this.#at + 24, true);
  }

  get schemaCount(): number {
    return this.#view.getUint32(this.#at + 32, true);
  }

  get messageCount(): number {
    return this.#view.getUint32(this.#at + 36, true);
  }

  get fragmentCount(): number {
    return this.#view.getUint32(this.#at + 40, true);
  }

  get fragmentsCrc(): number {
    return this.#view.getUint32(this.#at + 44, true);
  }

  get firstFragmentOffset(): number {
    return getUint53(this.#view, this.#at + 48);
  }

  get bodyByteCount(): number {
    return getUint53(this.#view, this.#at + 56);
  }
}
