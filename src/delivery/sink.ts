import type { Clock } from '../foundation/clock.ts';
import type { Logger } from '../foundation/logger.ts';
import type { Random } from '../foundation/random.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { Sequence } from '../model/position.ts';
import type { UncopiedTable } from '../model/source-identity.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TokenWaitOptions } from './token-places.ts';

/** One record on its way to a sink. */
export interface OutboundRecord {
  /** Stable over every delivery: the event's own id, or the record's position as text. */
  readonly id: string;
  /**
   * Records of one key take effect in commit order. Null: no order is promised, or the record concerns whole tables (TRUNCATE).
   * An UPDATE that changes its key has the new one; the old one stands in the record's `before`.
   */
  readonly key: string | null;
  /** Where the user's route sends it: a topic, a table. Undefined: the sink's default. */
  readonly destination: string | undefined;
  /** What the user's map made of it. Undefined: no map; the sink writes its own form of `record`. */
  readonly value: unknown;
  readonly record: JournalRecord;
  readonly header: TransactionHeader;
  /** About its bytes in the journal, for batch limits. */
  readonly byteCount: number;
}

/** What is written at once. Without records it only moves the checkpoint past what the filter left out. */
export interface OutboundBatch {
  readonly records: readonly OutboundRecord[];
  /** The lane's checkpoint before the batch. A sink that keeps its own compares it and refuses a mismatch. */
  readonly from: Checkpoint;
  /** The checkpoint once all records took effect; it also passes records that the filter left out. */
  readonly to: Checkpoint;
  /** False: the last transaction goes on in the next batch, and a sink that applies whole transactions keeps its own open. */
  readonly endsTransaction: boolean;
  /** Only for `checkpointIn: 'memory'`: the last transaction that was ended, also when it had no record for the sink. */
  readonly lastEnded?: TransactionHeader | undefined;
}

/** What a technology can do. The lane delivers accordingly. */
export interface SinkCapabilities {
  /**
   * `transaction`: applies whole source transactions atomically; batches end at transaction ends or say that they do not.
   * `batch`: batches of records, one at a time, in order; a batch of parked records has places before its `from`, and a `to` that
   * may differ from it by `releaseCount` alone, which a sink that keeps the checkpoint keeps too. `record`: single records,
   * several keys at once; never one without a record.
   */
  readonly unit: 'transaction' | 'batch' | 'record';
  /**
   * `sink`: the checkpoint is stored with the data. `lane`: the lane stores it after the acknowledgement. `memory`: data and
   * checkpoint end with the process, so that the lane begins anew where it began; the definition says `isRebuilt`. Such a sink
   * hears of every transaction, without records too, as soon as nothing more is ready.
   */
  readonly checkpointIn: 'sink' | 'lane' | 'memory';
  /** False: takes records in journal order only, so none can be parked and come later. Default: true, but for `transaction`. */
  readonly takesParked?: boolean;
  /** A larger record is refused before it is sent. Undefined: no limit that the sink knows. */
  readonly recordBytesMax: number | undefined;
}

/** A derived store or receiver, open for one lane. */
export interface Sink extends AsyncDisposable {
  readonly capabilities: SinkCapabilities;
  /** Which records the sink has a form for; the lane counts the others as filtered. Pure. Default: all. */
  readonly accepts?: (record: JournalRecord) => boolean;
  /**
   * The checkpoint that the store itself holds for this lane; undefined when it holds none. Only for `checkpointIn` `sink` and
   * `memory`.
   * Called after open and again after each write that failed; whatever is open of an earlier write is given up first.
   * @throws HW-SINK codes, as `write` does.
   */
  readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined>;
  /**
   * Names whom to call when it is in doubt, between two writes, whether the store still has what it acknowledged: its connection
   * was lost. The lane then writes a batch without records, which finds out. Only for `checkpointIn: 'sink'`.
   */
  onDoubt?(listener: () => void): void;
  /**
   * Makes ready what will be written next, in the time of the write before it: the same batch is given to `write` afterwards,
   * or none at all. May be called again with the same batch. Sends nothing and throws nothing: what is wrong with the batch is
   * for `write` to say.
   */
  prepare?(batch: OutboundBatch): void;
  /**
   * Resolves when every record took effect durably (and, for `checkpointIn: 'sink'`, the checkpoint with them); with unit
   * `transaction` and `endsTransaction: false`, when the sink has taken the records, durable only with the batch that ends the
   * transaction. A rejection says nothing about what took effect: the lane asks `readCheckpoint` and goes on from there, or
   * writes the same batch again.
   * @throws HW-SINK codes; policy `retry` for what waiting can mend, `stop` for what it cannot. Never takes effect twice on
   * retry where the sink's statement says so. Rejects with `signal.reason` on cancel, with the outcome unknown.
   */
  write(batch: OutboundBatch, signal: AbortSignal): Promise<void>;
}

/** Tells whether rows of a table may be missing at a place of the journal. */
export type RowsLacked = (
  table: Pick<TableSchema, 'schemaName' | 'tableName'>,
  header: Pick<TransactionHeader, 'copiedLanes' | 'uncopiedTables'>,
) => boolean;

/** What a sink is given when it opens. */
export interface SinkContext {
  /** Stands, with the lane's name, in every place where the sink keeps a checkpoint: several installations may share a store. */
  readonly installation: string;
  /** The lane's name; of a renamed lane the one that it had first, so that the sink goes on with what it holds. */
  readonly laneName: string;
  readonly journalId: string;
  /** The only source of time, so that tests can stop it. */
  readonly clock: Clock;
  /** The only source of chance. */
  readonly random: Random;
  /** Of the service. No row values, payloads or secrets. */
  readonly logger: Logger;
  /** Aborted when the lane is halted; opening then rejects with its reason. */
  readonly signal: AbortSignal;
  /**
   * Whether rows of a table may be missing in the store although the stream tells of their changes: a copy that comes later in
   * the journal brings them, whole. Undefined: never.
   */
  readonly lacksRows?: RowsLacked | undefined;
  /** Tables of which the lane lacks older rows, as the source knows it now. */
  readonly uncopiedTables?: (() => readonly UncopiedTable[]) | undefined;
  /** The last transaction of the last copy that the source knows to be whole; 0 when there was none. */
  readonly copiedThrough?: (() => bigint) | undefined;
  /** Where the lane goes on when the sink holds no checkpoint. */
  readonly start?: Checkpoint | undefined;
  /** Whether the lane begins behind the beginning of the journal, and no copy brings what was before. Default false. */
  readonly beganLater?: boolean | undefined;
  /** The newest durable transaction of the journal at the time of the call. */
  readonly journalEnd?: (() => Sequence) | undefined;
  /** Resolves with the transaction up to which a store shows all that a version token stands for. @throws HW-TOKEN codes */
  readonly locateToken?: ((token: string, options: TokenWaitOptions) => Promise<Sequence>) | undefined;
}

/** What the user's configuration holds: a description that opens nothing before the lane starts. */
export interface SinkDefinition {
  /** The name of the technology: `kafka`, `postgres`, `handler`. */
  readonly kind: string;
  /** One line for `status` and logs, without secrets: brokers and topic, host and database. */
  readonly target: string;
  /** Set where it is known before the sink opens: a lane that is to park is refused by the configuration then, not by its start. */
  readonly unit?: SinkCapabilities['unit'];
  /** As the open sink's own, for those who ask what becomes of a record without opening anything. Default: all. */
  readonly accepts?: (record: JournalRecord) => boolean;
  /** True: every start of the lane begins where the lane began, because what the sink held ended with the process. Default false. */
  readonly isRebuilt?: boolean;
  /**
   * `idempotent`: when older records are delivered again, in order and up to the newest, what they bring about is the same in the
   * end. Only then may a lane be replayed, and only where the lane keeps the checkpoint. Default: it is not.
   */
  readonly replay?: 'idempotent';
  /**
   * Connects, and refuses by name what is wrong with the store. Called at each start of the lane, and again with growing delays
   * while it fails with a code that says retry. What it opened is its own to close when it rejects.
   * @throws HW-SINK codes, as `write` does
   */
  open(context: SinkContext): Promise<Sink>;
}
