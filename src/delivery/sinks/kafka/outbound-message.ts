import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord, UpdateChange } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { tableKeyPrefix } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import { encodeDelete, encodeRowChange, encodeRowKey, encodeTruncate } from '../../change-json.ts';
import { isTopicName, type KafkaTopic } from './kafka-options.ts';

/** What a record becomes in Kafka. One record may become several: see `toOutboundMessages`. */
export interface OutboundMessage {
  readonly topic: string;
  readonly id: string;
  readonly operation: JournalRecord['kind'];
  readonly key: string | null;
  readonly value: Uint8Array | string | null;
  readonly contentType: string | undefined;
  readonly table: TableSchema | undefined;
  /** Goes to every partition of its topic, with the partition's number in its id. */
  readonly isForAllPartitions: boolean;
}

const json = 'application/json';
const defaultEventTopic = 'events';

/**
 * What a record becomes in Kafka, in order. Pure.
 * - One record: events, INSERT, UPDATE, DELETE, and whatever the lane's `map` made of a record.
 * - An UPDATE that changed its key becomes a deletion under the old key and the update under the new one, because they may stand
 *   in two partitions, and whoever keeps the last record of each key would keep the old row for ever.
 * - A TRUNCATE becomes one record per table, for all partitions of its topic, so that it stands in each of them between what
 *   it emptied and what came after it.
 * @throws HW-KAFKA-019 for a mapped value that cannot be written, HW-KAFKA-020 for an invalid topic.
 */
export function toOutboundMessages(
  outbound: OutboundRecord,
  topic: KafkaTopic | undefined,
): readonly OutboundMessage[] {
  const { record } = outbound;
  if (outbound.value !== undefined) return [toMappedMessage(outbound, topic)];
  switch (record.kind) {
    case 'event':
      return [toEventMessage(outbound, record, topic)];
    case 'truncate':
      return record.tables.map((table, index) => ({
        topic: chooseTopic(outbound, topic, table),
        id: record.tables.length === 1 ? outbound.id : `${outbound.id}/${index}`,
        operation: 'truncate',
        key: null,
        value: encodeTruncate(record, table),
        contentType: json,
        table,
        isForAllPartitions: true,
      }));
    case 'insert':
    case 'read':
    case 'update':
    case 'delete': {
      const message: OutboundMessage = {
        topic: chooseTopic(outbound, topic, record.table),
        id: outbound.id,
        operation: record.kind,
        key: toMessageKey(outbound.key, record.table),
        value: encodeRowChange(record),
        contentType: json,
        table: record.table,
        isForAllPartitions: false,
      };
      return record.kind === 'update' ? withFormerKey(message, record) : [message];
    }
    default:
      return unreachable(record);
  }
}

function withFormerKey(message: OutboundMessage, update: UpdateChange): readonly OutboundMessage[] {
  const { before, beforeKind, table } = update;
  if (before === undefined || beforeKind !== 'key') return [message];
  const formerKey = encodeRowKey(table, before);
  // With a key function of the user's own, only the user knows what the old key was.
  if (message.key !== encodeRowKey(table, update.after) || formerKey === message.key) return [message];
  const deletion: OutboundMessage = {
    ...message,
    id: `${message.id}/key`,
    operation: 'delete',
    key: formerKey,
    value: encodeDelete(table, before, true),
  };
  return [deletion, message];
}

function toEventMessage(
  outbound: OutboundRecord,
  { event }: JournalRecord & { readonly kind: 'event' },
  topic: KafkaTopic | undefined,
): OutboundMessage {
  return {
    topic: chooseTopic(outbound, topic, undefined),
    id: outbound.id,
    operation: 'event',
    key: outbound.key,
    value: event.payload,
    contentType: event.contentType,
    table: undefined,
    isForAllPartitions: false,
  };
}

function toMappedMessage(outbound: OutboundRecord, topic: KafkaTopic | undefined): OutboundMessage {
  const { record } = outbound;
  const table = record.kind === 'event' || record.kind === 'truncate' ? undefined : record.table;
  const topicTable = record.kind === 'truncate' ? record.tables[0] : table;
  return {
    topic: chooseTopic(outbound, topic, topicTable),
    id: outbound.id,
    operation: record.kind,
    key: table === undefined ? outbound.key : toMessageKey(outbound.key, table),
    ...encodeMapped(outbound),
    table: topicTable,
    isForAllPartitions: record.kind === 'truncate',
  };
}

function encodeMapped(outbound: OutboundRecord): Pick<OutboundMessage, 'value' | 'contentType'> {
  const { value } = outbound;
  if (value === null) return { value, contentType: undefined };
  if (value instanceof Uint8Array) return { value, contentType: 'application/octet-stream' };
  if (typeof value === 'string') return { value, contentType: 'text/plain; charset=utf-8' };
  try {
    // Undefined for a function or a symbol, whatever the declared type says.
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return { value: text, contentType: json };
  } catch (thrown) {
    throw unwritable(outbound, thrown);
  }
  throw unwritable(outbound, undefined);
}

/**
 * The lane's default key names the table and then the values of its key as a JSON array; a topic has one table by default, so
 * the values alone are the key. Every other key stays as it is.
 */
function toMessageKey(key: string | null, table: TableSchema): string | null {
  if (key === null) return null;
  const prefix = tableKeyPrefix(table);
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

function chooseTopic(outbound: OutboundRecord, topic: KafkaTopic | undefined, table: TableSchema | undefined): string {
  const name = outbound.destination ?? nameTopic(outbound, topic, table);
  if (isTopicName(name)) return name;
  throw new HeadwaterError('HW-KAFKA-020', `record ${outbound.id} has no valid topic: "${name.slice(0, 260)}"`, {
    details: { recordId: outbound.id },
  });
}

function nameTopic(outbound: OutboundRecord, topic: KafkaTopic | undefined, table: TableSchema | undefined): string {
  if (typeof topic === 'string') return topic;
  if (topic !== undefined) return topic(outbound.record, outbound.header);
  return table === undefined ? defaultEventTopic : `${table.schemaName}.${table.tableName}`;
}

function unwritable(outbound: OutboundRecord, cause: unknown): HeadwaterError {
  return new HeadwaterError(
    'HW-KAFKA-019',
    `the lane's map returned for record ${outbound.id} a ${typeof outbound.value} that JSON cannot hold`,
    { details: { recordId: outbound.id }, cause },
  );
}
