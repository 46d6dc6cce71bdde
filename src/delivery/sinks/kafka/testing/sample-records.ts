import { toInstant } from '../../../../foundation/clock.ts';
import type { DomainEvent } from '../../../../model/domain-event.ts';
import type { JournalRecord, UpdateChange } from '../../../../model/journal-record.ts';
import { toLsn } from '../../../../model/lsn.ts';
import { toSequence } from '../../../../model/position.ts';
import type { Row } from '../../../../model/row.ts';
import type { TableSchema } from '../../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../../model/transaction.ts';
import { checkpointBehind, type Checkpoint } from '../../../checkpoint.ts';
import { toOutboundRecord } from '../../../outbound-record.ts';
import type { RecordFunctions } from '../../../outbound-record.ts';
import type { OutboundBatch, OutboundRecord } from '../../../sink.ts';

export const sampleJournalId = '5f2f6f0e-0000-4000-8000-000000000001';

/** `public.orders(id, total, note)` with the primary key `id`. */
export const ordersTable: TableSchema = {
  relationId: 16_384,
  schemaName: 'public',
  tableName: 'orders',
  replicaIdentity: 'default',
  columns: [
    { name: 'id', typeOid: 20, typeModifier: -1, isKey: true },
    { name: 'total', typeOid: 1700, typeModifier: -1, isKey: false },
    { name: 'note', typeOid: 25, typeModifier: -1, isKey: false },
  ],
};

/** The transaction with this number. */
export function sampleHeader(sequence: number): TransactionHeader {
  return {
    sequence: toSequence(BigInt(sequence)),
    systemId: '7385000000000000001',
    timeline: 1,
    xid: 700 + sequence,
    commitLsn: toLsn(0x1_0000_0000n + BigInt(sequence) * 256n),
    commitEndLsn: toLsn(0x1_0000_0000n + BigInt(sequence) * 256n + 48n),
    commitTimeMicros: 1_800_000_000_123_456n + BigInt(sequence) * 1_000_000n,
    messageCount: 1,
  };
}

/** An event as `emit` writes it. */
export function sampleEvent(fields: Partial<DomainEvent> = {}): JournalRecord {
  const event: DomainEvent = {
    id: '01920000-0000-7000-8000-000000000001',
    type: 'order.placed',
    schemaVersion: 1,
    key: 'order-1',
    source: 'shop',
    occurredAt: toInstant(1_800_000_000_000),
    contentType: 'application/json',
    payload: new TextEncoder().encode('{"orderId":"1"}'),
    headers: {},
    origin: 'message',
    ...fields,
  };
  return { kind: 'event', ordinal: 0, event };
}

export function sampleInsert(row: Row, table: TableSchema = ordersTable): JournalRecord {
  return { kind: 'insert', ordinal: 0, table, after: row };
}

export function sampleUpdate(after: Row, before?: Pick<UpdateChange, 'before' | 'beforeKind'>): JournalRecord {
  return { kind: 'update', ordinal: 0, table: ordersTable, after, beforeKind: 'none', ...before };
}

/** A record on its way, as a lane makes it. */
export function sampleOutbound(
  record: JournalRecord,
  options: { readonly sequence?: number; readonly ordinal?: number; readonly functions?: RecordFunctions } = {},
): OutboundRecord {
  const placed = { ...record, ordinal: options.ordinal ?? 0 };
  const outbound = toOutboundRecord(placed, sampleHeader(options.sequence ?? 1), options.functions ?? {});
  if (outbound === undefined) throw new Error('the filter left the sample out');
  return outbound;
}

/** The place behind the transaction with this number. */
export function sampleCheckpoint(sequence: number, journalId: string = sampleJournalId): Checkpoint {
  const { commitEndLsn, commitTimeMicros, sequence: number, systemId, timeline } = sampleHeader(sequence);
  if (sequence === 0) return checkpointBehind(journalId, number);
  return { journalId, sequence: number, recordCount: 0, systemId, timeline, commitEndLsn, commitTimeMicros };
}

/** A batch of whole transactions: `sequence` is the last of them, `from` the one before the first. */
export function sampleBatch(
  records: readonly OutboundRecord[],
  place: { readonly from: number; readonly to: number; readonly journalId?: string },
): OutboundBatch {
  return {
    records,
    from: sampleCheckpoint(place.from, place.journalId),
    to: sampleCheckpoint(place.to, place.journalId),
    endsTransaction: true,
  };
}
