import type { DomainEvent } from '../../../model/domain-event.ts';
import type { Change, JournalRecord } from '../../../model/journal-record.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';

/** What a handler is given with its record. */
export interface HandlerContext {
  /** Stable over every delivery: an idempotency key for effects outside the database. */
  readonly id: string;
  readonly key: string | null;
  /** What the lane's `map` made of the record; undefined without one. */
  readonly value: unknown;
  /** The source transaction that the record belongs to. */
  readonly transaction: TransactionHeader;
  /** Aborted when the time is over or the lane stops. Pass it on to what the handler waits for. */
  readonly signal: AbortSignal;
  /**
   * Writes the deduplication row into the handler's own transaction. True: the first time; false: this record took effect
   * already, so the handler returns without doing it again. Effectively once for what the transaction writes.
   * @throws HW-SINK-053 when the inbox table is missing, HW-SINK-054 outside an open transaction.
   */
  once(transaction: TransactionLike): Promise<boolean>;
  /** Stops the lane in front of this record, for what trying again cannot mend. @throws HW-SINK-052 always. */
  stopLane(reason: string): never;
}

interface CommonOptions {
  /** The consumer's name in the inbox and in `status`. It must stay the same: another name starts with an empty inbox. */
  readonly name: string;
  /** How long one call may take. Default 30,000 ms. */
  readonly timeoutMs?: number;
  /** Schema of the inbox table. Default `headwater`. */
  readonly schema?: string;
  /**
   * True: called again for older records, in order and up to the newest, the function brings about the same in the end. Then the
   * lane may be replayed. A function that leaves out what `context.once` has seen does nothing for them. Default false.
   */
  readonly idempotent?: boolean;
}

/** Which records a handler takes; the others are filtered and counted. Resolving is the acknowledgement. */
export type HandlerSinkOptions = CommonOptions &
  (
    | {
        /** Domain events only. */
        handleEvent(event: DomainEvent, context: HandlerContext): Promise<void> | void;
        readonly handleChange?: never;
        readonly handle?: never;
      }
    | {
        /** Row changes and truncates only. */
        handleChange(change: Change, context: HandlerContext): Promise<void> | void;
        readonly handleEvent?: never;
        readonly handle?: never;
      }
    | {
        /** Every record. */
        handle(record: JournalRecord, context: HandlerContext): Promise<void> | void;
        readonly handleEvent?: never;
        readonly handleChange?: never;
      }
  );
