import { assertInvariant } from '../../foundation/assert.ts';
import { lsnZero, maxLsn, type Lsn } from '../../model/lsn.ts';
import { toSequence, sequenceZero, type Sequence } from '../../model/position.ts';
import { type CopyProgress, isSameCopy, type SourceIdentity } from '../../model/source-identity.ts';
import type { CommitBoundary } from '../../model/transaction.ts';
import type {
  BodyFragment,
  ChangeRecorder,
  DurableEnd,
  RecorderState,
  SchemaEntry,
  SnapshotChunk,
  SourceRecordReason,
} from '../change-recorder.ts';

export interface MemoryTransaction {
  readonly sequence: Sequence;
  readonly boundary: CommitBoundary;
  readonly body: Uint8Array;
  readonly fragments: readonly BodyFragment[];
  readonly fragmentCount: number;
  readonly schemas: readonly SchemaEntry[];
}

/** What survives a crash of the recorder. */
export interface MemoryContents {
  readonly transactions: readonly MemoryTransaction[];
  readonly state: RecorderState;
}

const emptyState: RecorderState = {
  source: undefined,
  sourceStartLsn: lsnZero,
  lastCommitEndLsn: lsnZero,
  recordedLsn: lsnZero,
  lastSequence: sequenceZero,
  preparedGids: [],
  copies: [],
};

/**
 * A recorder for tests of capture: holds transactions in memory and makes them durable at a flush, which a test may hold back or fail.
 * `crash` gives what was durable, for the next recorder. It checks the promises that capture makes to every recorder.
 */
export class MemoryRecorder implements ChangeRecorder {
  #durable: MemoryContents;
  #current: MemoryContents;
  #open = new Map<number, BodyFragment[]>();
  #pendingByteCount = 0;
  #isFlushing = false;
  flushCount = 0;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(contents: MemoryContents = { transactions: [], state: emptyState }) {
    this.#durable = contents;
    this.#current = contents;
  }

  get state(): RecorderState {
    return this.#durable.state;
  }

  get appendedSource(): SourceIdentity | undefined {
    return this.#current.state.source;
  }

  get appendedCopies(): readonly CopyProgress[] {
    return this.#current.state.copies;
  }

  get lastAppended(): Sequence {
    return this.#current.state.lastSequence;
  }

  get pendingByteCount(): number {
    return this.#pendingByteCount;
  }

  get durable(): MemoryContents {
    return this.#durable;
  }

  get openTransactionCount(): number {
    return this.#open.size;
  }

  /** What another recorder finds after this one was killed. */
  crash(): MemoryRecorder {
    return new MemoryRecorder(this.#durable);
  }

  /** Flushes begin and do not end until `releaseFlushes` or `failFlushes`. */
  holdFlushes(): void {
    this.#gate = Promise.withResolvers();
  }

  releaseFlushes(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** The flush under way and all later ones fail. */
  failFlushes(error: Error): void {
    this.#gate ??= Promise.withResolvers();
    this.#gate.promise.catch(() => undefined);
    this.#gate.reject(error);
  }

  recordSource(identity: SourceIdentity, startLsn: Lsn, reason: SourceRecordReason): void {
    const state = this.#current.state;
    const isKept = reason === 'tables-changed';
    this.#setState({
      ...state,
      source: identity,
      sourceStartLsn: startLsn,
      lastCommitEndLsn: isKept ? state.lastCommitEndLsn : startLsn,
      recordedLsn: isKept ? state.recordedLsn : startLsn,
      copies: state.copies.filter((copy) => identity.uncopiedTables.some((table) => isSameCopy(table, copy))),
    });
  }

  appendTransaction(boundary: CommitBoundary, fragment: BodyFragment, schemas: readonly SchemaEntry[]): Sequence {
    this.#pendingByteCount += byteCount(fragment);
    return this.#commit(boundary, [fragment], schemas);
  }

  appendFragment(xid: number, subxid: number, fragment: BodyFragment): void {
    assertInvariant(xid === subxid, 'protocol 1 has no subtransactions');
    this.#pendingByteCount += byteCount(fragment);
    const fragments = this.#open.get(xid) ?? [];
    fragments.push(fragment);
    this.#open.set(xid, fragments);
  }

  abortTransaction(xid: number): void {
    assertInvariant(this.#open.delete(xid), 'only an open transaction is aborted');
  }

  commitTransaction(boundary: CommitBoundary, schemas: readonly SchemaEntry[]): Sequence {
    const fragments = this.#open.get(boundary.xid);
    assertInvariant(fragments !== undefined, 'only an open transaction is committed');
    this.#open.delete(boundary.xid);
    return this.#commit(boundary, fragments, schemas);
  }

  recordProgress(lsn: Lsn): void {
    assertInvariant(lsn > this.#current.state.recordedLsn, 'progress moves on');
    this.#setState({ ...this.#current.state, recordedLsn: lsn });
  }

  async flush(): Promise<DurableEnd> {
    assertInvariant(!this.#isFlushing, 'one flush at a time');
    this.#isFlushing = true;
    const contents = this.#current;
    const flushedByteCount = this.#pendingByteCount;
    await this.#gate?.promise;
    this.#isFlushing = false;
    this.flushCount += 1;
    this.#durable = contents;
    this.#pendingByteCount -= flushedByteCount;
    return { sequence: contents.state.lastSequence, recordedLsn: contents.state.recordedLsn };
  }

  abortSubtransaction(): void {
    throw new Error('not in protocol 1');
  }
  prepareTransaction(): void {
    throw new Error('not in protocol 1');
  }
  commitPrepared(): Sequence {
    throw new Error('not in protocol 1');
  }
  rollbackPrepared(): void {
    throw new Error('not in protocol 1');
  }

  appendSnapshotChunk({ fragments, progress, readTimeMicros }: SnapshotChunk): Sequence {
    const { state } = this.#current;
    const chunkLsn = maxLsn(state.lastCommitEndLsn, state.sourceStartLsn);
    const boundary = { xid: 0, commitLsn: chunkLsn, commitEndLsn: chunkLsn, commitTimeMicros: readTimeMicros };
    for (const fragment of fragments) this.#pendingByteCount += byteCount(fragment);
    const sequence = this.#commit(boundary, fragments, []);
    this.recordCopyProgress(progress);
    return sequence;
  }

  recordCopyProgress(progress: CopyProgress): void {
    const others = this.#current.state.copies.filter((copy) => !isSameCopy(copy, progress));
    this.#setState({ ...this.#current.state, copies: [...others, progress] });
  }

  #commit(boundary: CommitBoundary, fragments: readonly BodyFragment[], schemas: readonly SchemaEntry[]): Sequence {
    const { state, transactions } = this.#current;
    const isBehind = boundary.xid === 0 || boundary.commitEndLsn > state.lastCommitEndLsn;
    assertInvariant(isBehind, 'commits come in the order of their ends');
    const sequence = toSequence(state.lastSequence + 1n);
    const body = Buffer.concat(fragments.flatMap((fragment) => fragment.body));
    const transaction = { sequence, boundary, body, fragments, fragmentCount: fragments.length, schemas };
    this.#current = {
      transactions: [...transactions, transaction],
      state: {
        ...state,
        lastSequence: sequence,
        lastCommitEndLsn: boundary.commitEndLsn,
        recordedLsn: maxLsn(state.recordedLsn, boundary.commitEndLsn),
      },
    };
    return sequence;
  }

  #setState(state: RecorderState): void {
    this.#current = { ...this.#current, state };
  }
}

function byteCount(fragment: BodyFragment): number {
  return fragment.body.reduce((sum, slice) => sum + slice.length, 0);
}
