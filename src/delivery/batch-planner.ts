import { assertInvariant } from '../foundation/assert.ts';
import type { TransactionHeader, TransactionPart } from '../model/transaction.ts';
import { type Checkpoint, compareCheckpoints } from './checkpoint.ts';
import type { BatchLimits } from './lane-options.ts';
import type { OutboundBatch, OutboundRecord } from './sink.ts';

/** How a lane cuts its batches. */
export interface BatchPlannerOptions {
  /** `transaction` keeps whole transactions together as far as the limits allow. */
  readonly unit: 'transaction' | 'batch';
  readonly limits: Pick<BatchLimits, 'recordCountMax' | 'byteCountMax'>;
  /** What the sink holds. */
  readonly from: Checkpoint;
}

/**
 * Cuts a lane's records into batches. Pure; records come in journal order.
 *
 * I1  Batches join without a gap: the `from` of each is the `to` of the one before it.
 * I2  No batch exceeds a limit, except with a single record that does so alone, or by how far the estimated bytes of a whole
 *     transaction differ from those in the journal.
 * I3  With unit `transaction`, a transaction that comes in one part within the limits is never cut, and a transaction that
 *     must be cut shares no batch with another one.
 */
export class BatchPlanner {
  readonly #options: BatchPlannerOptions;
  #from: Checkpoint;
  /** The last place that was named whole, and how many records of the transaction behind its sequence were passed. */
  #base: Checkpoint;
  #passedCount: number;
  #nextSequence: bigint;
  /** Made of both when somebody asks, since it moves with each record. */
  #to: Checkpoint | undefined;
  #records: OutboundRecord[] = [];
  #byteCount = 0;
  #isAtEnd = true;
  #wasCutInside = false;
  #lastEnded: TransactionHeader | undefined;
  #keepsWhole = false;
  /** Set while a poisoned record is searched for. */
  #narrowedTo: number | undefined;
  /** The batch as it would be cut now, once somebody has asked for it. */
  #preview: OutboundBatch | undefined;
  /** The records of whole transactions, and the place behind them. */
  #whole: { readonly recordCount: number; readonly to: Checkpoint } | undefined;

  constructor(options: BatchPlannerOptions) {
    this.#options = options;
    this.#from = options.from;
    this.#base = options.from;
    this.#passedCount = options.from.recordCount;
    this.#nextSequence = options.from.sequence + 1n;
    this.#to = options.from;
    this.#isAtEnd = options.from.recordCount === 0;
  }

  get recordCount(): number {
    return this.#records.length;
  }

  /** The last transaction behind which it stands; undefined where it began. */
  get lastEnded(): TransactionHeader | undefined {
    return this.#lastEnded;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get firstRecord(): OutboundRecord | undefined {
    return this.#records[0];
  }

  /** The place behind everything that was added or passed. */
  get to(): Checkpoint {
    if (this.#to === undefined) {
      const { releaseCount: _gone, ...place } = this.#base;
      this.#to = { ...place, journalId: this.#from.journalId, recordCount: this.#passedCount };
    }
    return this.#to;
  }

  /** Whether `to` is the end of a transaction. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /**
   * Nothing since the last cut has to be written: no record, and not the end of a transaction that the sink holds open. Only
   * such a batch may stay unwritten; inside that transaction it must, or a lane that waits for the rest would write for ever.
   */
  get isEmpty(): boolean {
    return this.#records.length === 0 && !(this.#wasCutInside && this.#isAtEnd);
  }

  /** A limit is reached: nothing more may begin before a cut. */
  get isFull(): boolean {
    return this.#records.length >= this.#recordCountMax || this.#byteCount >= this.#options.limits.byteCountMax;
  }

  /** Whether a batch ends before the end of its transaction, so that a failure of the end can be told from the record's. */
  get cutsBeforeEnd(): boolean {
    return this.#options.unit === 'transaction' && this.#narrowedTo === 1 && this.#records.length > 0;
  }

  /** Cuts batches of fewer records from now on; undefined: of as many as the limits allow. */
  narrow(recordCountMax: number | undefined): void {
    this.#narrowedTo = recordCountMax;
  }

  get #recordCountMax(): number {
    return this.#narrowedTo ?? this.#options.limits.recordCountMax;
  }

  /** Begins a part; false when the batch must be cut first, to keep a limit or to keep the transaction whole. */
  begin(part: TransactionPart): boolean {
    const { unit, limits } = this.#options;
    this.#keepsWhole = false;
    if (this.isFull) return false;
    if (unit !== 'transaction' || !part.isFirst) return true;
    if (this.#wasCutInside) return false;
    const recordCount = this.#records.length + part.records.length;
    const byteCount = this.#byteCount + part.byteCount;
    const isWithinLimits = part.isLast && recordCount <= this.#recordCountMax && byteCount <= limits.byteCountMax;
    if (!isWithinLimits && this.#records.length > 0) return false;
    this.#keepsWhole = isWithinLimits;
    return true;
  }

  /** Whether a record of this size still fits. The first always does. */
  fits(byteCount: number): boolean {
    if (this.#records.length === 0 || this.#keepsWhole) return true;
    return !this.isFull && this.#byteCount + byteCount <= this.#options.limits.byteCountMax;
  }

  add(record: OutboundRecord): void {
    assertInvariant(this.fits(record.byteCount), 'a batch keeps its limits');
    this.#records.push(record);
    this.#byteCount += record.byteCount;
    this.pass(record.header, record.record.ordinal + 1);
  }

  /** Moves past the first `recordCount` records of a transaction that goes on. */
  pass(header: TransactionHeader, recordCount: number): void {
    const isNext = header.sequence === this.#nextSequence;
    assertInvariant(isNext && recordCount >= this.#passedCount, 'records are added in journal order');
    if (recordCount !== this.#passedCount) {
      this.#passedCount = recordCount;
      this.#to = undefined;
    }
    this.#isAtEnd = false;
    this.#preview = undefined;
  }

  /** Moves past the end of a transaction. */
  endTransaction(header: TransactionHeader): void {
    assertInvariant(header.sequence === this.#nextSequence, 'transactions are ended in journal order');
    const to = checkpointAfter(this.#from.journalId, header);
    this.#moveTo(to);
    this.#lastEnded = header;
    this.#isAtEnd = true;
    this.#preview = undefined;
    this.#whole = { recordCount: this.#records.length, to };
  }

  #moveTo(place: Checkpoint): void {
    this.#base = place;
    this.#passedCount = place.recordCount;
    this.#nextSequence = place.sequence + 1n;
    this.#to = place;
  }

  /**
   * The last batch in front of a record that cannot be delivered; undefined when nothing is left to write. With unit
   * `transaction` it leaves out what came of the record's own transaction, which nobody may see without it.
   */
  cutInFront(): OutboundBatch | undefined {
    if (this.#options.unit === 'batch') return this.isEmpty ? undefined : this.cut();
    if (this.#whole === undefined || (this.#whole.recordCount === 0 && !this.#wasCutInside)) return undefined;
    const { recordCount, to } = this.#whole;
    const batch = { records: this.#records.slice(0, recordCount), from: this.#from, to, endsTransaction: true };
    this.#from = to;
    this.#records = [];
    this.#preview = undefined;
    this.#byteCount = 0;
    this.#whole = undefined;
    this.#wasCutInside = false;
    return batch;
  }

  /** Behind it lies what the next batch of parked records must not hold: it is met again if that batch is the last. */
  get #releasedUpTo(): Checkpoint {
    return this.#records.length === 0 ? this.to : this.#from;
  }

  /**
   * The place of a batch of parked records, written before the next cut. Their own places lie before it, so that the count of
   * releases moves, and the checkpoint only past what has nothing to be written.
   */
  previewRelease(): Omit<OutboundBatch, 'records'> & { readonly to: Required<Checkpoint> } {
    const releasedUpTo = this.#releasedUpTo;
    const to = { ...releasedUpTo, releaseCount: (releasedUpTo.releaseCount ?? 0) + 1 };
    return { from: this.#from, to, endsTransaction: true };
  }

  /** The batch of parked records is written. */
  release({ to }: Pick<OutboundBatch, 'to'>): void {
    if (compareCheckpoints(this.to, to) < 0) this.#moveTo(to);
    this.#from = to;
    this.#preview = undefined;
  }

  /** What `cut` would give now; `cut` gives this very batch when nothing is added before. */
  preview(): OutboundBatch {
    const { to } = this;
    assertInvariant(compareCheckpoints(this.#from, to) <= 0, 'a batch does not go back');
    this.#preview ??= {
      records: this.#records,
      from: this.#from,
      to,
      endsTransaction: this.#isAtEnd,
    };
    return this.#preview;
  }

  /** Ends the batch and begins the next one behind it. */
  cut(): OutboundBatch {
    const batch = this.preview();
    this.#preview = undefined;
    this.#records = [];
    this.#byteCount = 0;
    this.#from = batch.to;
    this.#whole = undefined;
    this.#wasCutInside = !this.#isAtEnd && this.#options.unit === 'transaction';
    return batch;
  }
}

/** The place behind a whole transaction. */
export function checkpointAfter(journalId: string, header: TransactionHeader): Checkpoint {
  return {
    journalId,
    sequence: header.sequence,
    recordCount: 0,
    systemId: header.systemId,
    timeline: header.timeline,
    commitEndLsn: header.commitEndLsn,
    commitTimeMicros: header.commitTimeMicros,
  };
}
