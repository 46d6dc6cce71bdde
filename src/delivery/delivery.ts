import type { Clock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Random } from '../foundation/random.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { Checkpoint } from './checkpoint.ts';
import { isForLane } from './lane-copy.ts';
import type { JournalTail } from './journal-tail.ts';
import type { ResolvedLaneOptions } from './lane-options.ts';
import type { LaneCounts } from './lane-status.ts';
import type { Parking } from './parking/parking.ts';
import type { OutboundRecord, Sink } from './sink.ts';
import type { DecodedPart } from './decoded-part.ts';
import { recordId, toOutboundRecord } from './outbound-record.ts';
import { nameRecord } from './poisoned-record.ts';

/** What a delivery tells the lane that it works for. None of these calls back into the delivery at once. */
export interface DeliveryObserver {
  /** The acknowledged or the durable checkpoint moved. */
  onProgress(): void;
  onWriteFailed(error: HeadwaterError, recordId: string | undefined): void;
  /** Nothing waits for another attempt any more. */
  onRecovered(): void;
  /** The lane must stop: waiting does not mend this. */
  onFault(error: HeadwaterError, recordId: string | undefined): void;
}

/** What a delivery works with; all of it is lent. */
export interface DeliveryOptions {
  /** By which copies are made for the lane: its original name. */
  readonly laneName: string;
  readonly sink: Sink;
  readonly tail: JournalTail;
  readonly lane: ResolvedLaneOptions;
  /** What the sink has made durable. */
  readonly from: Checkpoint;
  /** Whether the sink itself was seen to hold a checkpoint of this lane. */
  readonly wasHeld: boolean;
  readonly counts: LaneCounts;
  /** Undefined where the sink applies whole transactions. */
  readonly parking: Parking | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: DeliveryObserver;
}

/** What stops a lane once everything in front of it is delivered. */
export interface PendingStop {
  readonly error: HeadwaterError;
  readonly recordId: string | undefined;
}

/** The stop that an error of taking means; it names a record when the error does. */
export function toPendingStop(error: HeadwaterError): PendingStop {
  const { record } = error.details;
  return { error, recordId: typeof record === 'string' ? record : undefined };
}

/** The work of a lane while its sink is open. */
export interface Delivery {
  /** Everything up to here took effect. */
  readonly acknowledged: Checkpoint;
  /** What may be kept as the place to go on from: never ahead of a checkpoint that the sink keeps itself. */
  readonly durable: Checkpoint;
  readonly pendingRecordCount: number;
  readonly pendingByteCount: number;
  /** Commit time of the oldest transaction that was taken and is not acknowledged, when one is known. */
  readonly oldestPendingMicros: bigint | undefined;
  /** Takes and writes what there is, and goes on by itself from then on. */
  deliver(): void;
  /** Begins nothing any more. Resolves when nothing is under way; aborting the signal gives up what is. */
  halt(giveUp: AbortSignal): Promise<void>;
}

/**
 * What the lane's functions and the sink make of a record; undefined and counted when it is left out.
 * @throws HW-LANE-010, HW-LANE-011 with the place of the record.
 */
export function selectRecord(
  part: DecodedPart,
  index: number,
  { lane, laneName, sink, counts }: Pick<DeliveryOptions, 'lane' | 'laneName' | 'sink' | 'counts'>,
): OutboundRecord | undefined {
  const record = part.records[index];
  if (record === undefined) return undefined;
  const isAccepted = isMeantFor(record, laneName) && (sink.accepts?.(record) ?? true);
  const outbound = isAccepted ? mapRecord(record, part.header, lane) : undefined;
  if (outbound === undefined) counts.filtered += 1;
  return outbound;
}

/** A copy may be made for single lanes. */
function isMeantFor(record: JournalRecord, laneName: string): boolean {
  return (record.kind !== 'read' && record.kind !== 'truncate') || isForLane(record, laneName);
}

function mapRecord(
  record: JournalRecord,
  header: TransactionHeader,
  lane: DeliveryOptions['lane'],
): OutboundRecord | undefined {
  try {
    return toOutboundRecord(record, header, lane);
  } catch (thrown) {
    throw nameRecord(HeadwaterError.from(thrown), { record, header, id: recordId(record, header) });
  }
}

/** Adds what decoding a part left out. */
export function countPart(counts: LaneCounts, part: DecodedPart): void {
  counts.foreignMessages += part.counts.foreignMessages;
  counts.adoptedOutboxChanges += part.counts.adoptedOutboxChanges;
  counts.outboxChanges += part.counts.outboxChanges;
}

/** Whether a record is larger than the sink takes. */
export function isOversized(record: OutboundRecord, sink: Sink): boolean {
  const { recordBytesMax } = sink.capabilities;
  return recordBytesMax !== undefined && record.byteCount > recordBytesMax;
}
