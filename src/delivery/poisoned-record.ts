import type { ErrorCode } from '../foundation/error-codes.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { OutboundBatch, OutboundRecord } from './sink.ts';

/** What concerns the place that records go to: it names that, and not the first record that went there. */
const placeCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW-SINK-003',
  'HW-SINK-006',
  'HW-SINK-020',
  'HW-SINK-022',
  'HW-SINK-023',
  'HW-KAFKA-006',
  'HW-NATS-006',
  'HW-NATS-021',
  'HW-RABBITMQ-006',
  'HW-RABBITMQ-009',
  'HW-SQLITE-004',
]);

/** What concerns single records, so that the other records of a batch may well be fit for the sink. */
const recordCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW-EVENTS-001',
  'HW-SINK-005',
  'HW-SINK-007',
  'HW-SINK-021',
  'HW-SINK-024',
  'HW-SINK-026',
  'HW-SINK-027',
  'HW-SINK-028',
  'HW-SINK-029',
  'HW-KAFKA-008',
  'HW-KAFKA-016',
  'HW-KAFKA-019',
  'HW-KAFKA-020',
  'HW-KAFKA-022',
  'HW-KAFKA-023',
  'HW-NATS-008',
  'HW-NATS-019',
  'HW-NATS-020',
  'HW-RABBITMQ-008',
  'HW-RABBITMQ-015',
  'HW-RABBITMQ-016',
  'HW-RABBITMQ-017',
  'HW-VIEW-003',
  'HW-VIEW-004',
  'HW-VIEW-005',
  'HW-VIEW-006',
  'HW-VIEW-007',
  'HW-VIEW-008',
  'HW-WEBHOOK-011',
  'HW-WEBHOOK-012',
  'HW-REDIS-011',
  'HW-REDIS-012',
  'HW-REDIS-013',
  'HW-FILE-009',
]);

/** What a handler fails with, record by record; retries come first. */
const handlerCodes: ReadonlySet<unknown> = new Set<ErrorCode>(['HW-SINK-050', 'HW-SINK-051']);

/** Functions of the lane: they fail before the sink sees the record. */
const functionCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['HW-LANE-010', 'HW-LANE-011']);

/** Of a larger transaction that the sink refuses, the record is not searched for: it would be written once for each record. */
const searchedTransactionMax = 1000;

/** What is known of a batch that a sink refused. */
export interface RefusedBatch {
  readonly error: HeadwaterError;
  readonly batch: OutboundBatch;
  readonly unit: 'transaction' | 'batch';
  /** Whether the sink already held open what the transaction began with. */
  readonly goesOn: boolean;
}

/**
 * To how many records the batches are to be narrowed, so that what lies in front of a poisoned record is delivered and the
 * record is found: half as many at each failure. Undefined: this is it, or no record is to blame. Pure.
 */
export function planNarrowing({ error, batch, unit, goesOn }: RefusedBatch): number | undefined {
  const { records } = batch;
  if (!(recordCodes.has(error.code) || placeCodes.has(error.code)) || records.length < 2) return undefined;
  const isOneTransaction = records[0]?.header.sequence === records.at(-1)?.header.sequence;
  if (unit === 'transaction' && isOneTransaction && (goesOn || records.length > searchedTransactionMax))
    return undefined;
  return Math.floor(records.length / 2);
}

/**
 * Whether a failure that waiting does not mend concerns the record alone, so that others may go on without it. Retries that are
 * used up say so only where it is the handler itself that failed: a store that is away would park everything. A sink of somebody
 * else says it by `sinkFailure('poison', …)`. Pure.
 */
export function isPoison({ code, details }: HeadwaterError): boolean {
  return (
    recordCodes.has(code) || functionCodes.has(code) || (code === 'HW-LANE-013' && handlerCodes.has(details['last']))
  );
}

/** The record that a refused batch stands for, when it is one. Pure. */
export function poisonOf({ error, batch }: Pick<RefusedBatch, 'error' | 'batch'>): OutboundRecord | undefined {
  return recordCodes.has(error.code) && batch.records.length === 1 ? batch.records[0] : undefined;
}

/** The error with as much of the place as is known of a batch that cannot be narrowed further. Pure. */
export function nameBatch(error: HeadwaterError, batch: OutboundBatch): HeadwaterError {
  const poison = poisonOf({ error, batch });
  if (poison !== undefined) return nameRecord(error, poison);
  if (!recordCodes.has(error.code)) return error;
  // The end of a transaction was refused, or one too large to search: it is the one behind `from`.
  const sequence = String(batch.from.sequence + 1n);
  return new HeadwaterError(error.code, `${error.message} (in sequence ${sequence})`, {
    cause: error,
    hint: error.hint,
    details: { ...error.details, sequence },
  });
}

/**
 * The error with the place of the record that it is about: its id, sequence, ordinal, and table or event type. Its key and
 * values may be personal and stay out of logs; the hint says how to see them.
 */
export function nameRecord(
  error: HeadwaterError,
  { record, header, id }: Pick<OutboundRecord, 'record' | 'header' | 'id'>,
): HeadwaterError {
  const subject = subjectOf(record);
  const place = `${describePlace(header, record.ordinal)}, ${Object.values(subject).join(' ')}`;
  return new HeadwaterError(error.code, `${error.message} (${place})`, {
    cause: error,
    hint: `${error.hint} The record is shown by: headwater tail --since beginning --no-follow --payload --where "id=${id}"`,
    details: { ...error.details, record: id, sequence: String(header.sequence), ordinal: record.ordinal, ...subject },
  });
}

function describePlace(header: TransactionHeader, ordinal: number): string {
  return `record ${ordinal} of sequence ${header.sequence}`;
}

/** Table or event type, for messages. Pure. */
export function subjectOf(record: JournalRecord): Readonly<Record<string, string>> {
  if (record.kind === 'event') return { eventType: record.event.type };
  if (record.kind === 'truncate') return { table: record.tables.map(nameOf).join(', ') };
  return { table: nameOf(record.table) };
}

function nameOf({ schemaName, tableName }: TableSchema): string {
  return `${schemaName}.${tableName}`;
}
