import type { BodyEncoding, DurableEnd } from '../capture/change-recorder.ts';
import type { Instant } from '../foundation/clock.ts';
import type { Lsn } from '../model/lsn.ts';
import type { Sequence } from '../model/position.ts';
import type { TransactionHeader } from '../model/transaction.ts';

/** A relation that later bodies refer to. */
export interface StoredSchema {
  readonly kind: 'schema';
  readonly relationId: number;
  readonly message: Uint8Array;
}

/** A run of whole messages of a committed transaction. */
export interface StoredFragment {
  readonly kind: 'fragment';
  readonly header: TransactionHeader;
  readonly encoding: BodyEncoding;
  readonly body: Uint8Array;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** What a reader meets, in order. Schemas come before the first body that needs them. */
export type StoredEntry = StoredSchema | StoredFragment;

/** Where a read begins and whether it waits at the end. */
export interface ReadOptions {
  /** The last sequence already known; reading begins behind it. `sequenceZero` reads from the oldest kept transaction. */
  readonly after: Sequence;
  /** True: wait for more at the durable end. False: end there. */
  readonly follow: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a journal holds at the moment. */
export interface JournalExtent {
  /** Oldest transaction still kept; one more than `last` when there is none. */
  readonly first: Sequence;
  readonly last: Sequence;
  readonly byteCount: number;
  readonly oldestCommitMicros: bigint | undefined;
}

/** Whether somebody appends to the journal right now. */
export type WriterPresence = 'writing' | 'nothing-is-writing';

/** The reading side of a journal: committed transactions only, in commit order, never beyond the durable end. */
export interface JournalReader extends AsyncDisposable {
  readonly journalId: string;
  readonly presence: WriterPresence;
  readonly durableEnd: DurableEnd;
  /**
   * Entries behind `after`, in order. Any number of reads may run at once. Bounded memory: one fragment at a time.
   * @throws HW-JOURNAL codes: corrupt bytes with file and offset, `after` trimmed away or beyond the end. Rejects with
   * `signal.reason` on cancel.
   */
  read(options: ReadOptions): AsyncIterable<readonly StoredEntry[]>;
  /** Resolves when the durable end is behind `after`, at once if it already is. */
  waitBehind(after: Sequence, signal?: AbortSignal): Promise<DurableEnd>;
  /**
   * Resolves when everything of ours before `lsn` is durable, at once if it already is: whatever committed before it has a sequence
   * up to that of the answer. Rejects with `signal.reason` on cancel.
   */
  waitRecorded(lsn: Lsn, signal?: AbortSignal): Promise<DurableEnd>;
  extent(): Promise<JournalExtent>;
  /** The last sequence that committed before `instant`: reading `after` it yields what committed at or later. */
  locateTime(instant: Instant): Promise<Sequence>;
}
