import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord, UpdateChange } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { tableKeyPrefix } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import { encodeDelete, encodeRowChange, encodeRowKey, encodeTruncate } from '../../change-json.ts';
import { chooseTopic } from './choose-topic.ts';
import type { KafkaHeaders, KafkaTopic } from './kafka-options.ts';
import { type OwnHeaders, readOwnHeaders } from './own-headers.ts';

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
  /** What the user adds to Headwater's own. */
  readonly ownHeaders: OwnHeaders;
}

/** What the user decides about messages. */
export interface MessageOptions {
  readonly topic?: KafkaTopic | undefined;
  readonly headers?: KafkaHeaders | undefined;
  /** Default false. */
  readonly tombstones?: boolean | undefined;
}

const json = 'application/json';

/**
 * What a record becomes in Kafka, in order. Pure.
 * - One record: events, INSERT, UPDATE, DELETE, and whatever the lane's `map` made of a record.
 * - An UPDATE that changed its key becomes a deletion under the old key and the update under the new one, because they may stand
 *   in two partitions, and whoever keeps the last record of each key would keep the old row for ever.
 * - A TRUNCATE becomes one record per table, for all partitions of its topic, so that it stands in each of them between what
 *   it emptied and what came after it.
 * - With `tombstones`, a record without a value stands behind each deletion, under its key. A mapped UPDATE that changed its
 *   key then has one for the old key in front of it, because the map makes one value only.
 * @throws HW-KAFKA-019 for a mapped value that cannot be written, HW-KAFKA-020 for an invalid topic, HW-KAFKA-022 and 023 for
 * what the user's functions do.
 */
export function toOutboundMessages(outbound: OutboundRecord, options: MessageOptions = {}): readonly OutboundMessage[] {
  const { record } = outbound;
  const ownHeaders = readOwnHeaders(outbound, options.headers);
  const { topic } = options;
  if (outbound.value !== undefined)
    return withTombstones([toMappedMessage(outbound, topic, ownHeaders)], outbound, options);
  switch (record.kind) {
    case 'event':
      return [toEventMessage(outbound, record, { topic, ownHeaders })];
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
        ownHeaders,
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
        ownHeaders,
      };
      const messages = record.kind === 'update' ? withFormerKey(message, record) : [message];
      return withTombstones(messages, outbound, options);
    }
    default:
      return unreachable(record);
  }
}

function withFormerKey(message: OutboundMessage, update: UpdateChange): readonly OutboundMessage[] {
  const { before, table } = update;
  const formerKey = formerKeyOf(message, update);
  if (before === undefined || formerKey === undefined) return [message];
  const deletion: OutboundMessage = {
    ...message,
    id: `${message.id}/key`,
    operation: 'delete',
    key: formerKey,
    value: encodeDelete(table, before, true),
  };
  return [deletion, message];
}

/** The key that the row no longer has. With a key function of the user's own, only the user knows what the old key was. */
function formerKeyOf({ key }: OutboundMessage, { after, before, beforeKind, table }: UpdateChange): string | undefined {
  if (before === undefined || beforeKind !== 'key' || key !== encodeRowKey(table, after)) return undefined;
  const formerKey = encodeRowKey(table, before);
  return formerKey === key ? undefined : formerKey;
}

function withTombstones(
  messages: readonly OutboundMessage[],
  { record }: OutboundRecord,
  { tombstones = false }: MessageOptions,
): readonly OutboundMessage[] {
  if (!tombstones) return messages;
  return messages.flatMap((message) => {
    if (message.operation === 'delete' && message.value !== null)
      return [message, ...tombstoneOf(message, message.key)];
    // Of two records for a change of the key, the deletion has its tombstone by the line above.
    if (record.kind !== 'update' || messages.length > 1) return [message];
    return [...tombstoneOf({ ...message, id: `${message.id}/key` }, formerKeyOf(message, record) ?? null), message];
  });
}

/** None where the key stands for the whole table, whose rows cannot be told apart: it would take all of them. */
function tombstoneOf(message: OutboundMessage, key: string | null): readonly OutboundMessage[] {
  const { table } = message;
  if (key === null || table === undefined || key === `${table.schemaName}.${table.tableName}`) return [];
  return [{ ...message, id: `${message.id}/tombstone`, operation: 'delete', key, value: null, contentType: undefined }];
}

function toEventMessage(
  outbound: OutboundRecord,
  { event }: JournalRecord & { readonly kind: 'event' },
  { ownHeaders, topic }: Pick<OutboundMessage, 'ownHeaders'> & Pick<MessageOptions, 'topic'>,
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
    ownHeaders,
  };
}

function toMappedMessage(
  outbound: OutboundRecord,
  topic: KafkaTopic | undefined,
  ownHeaders: OwnHeaders,
): OutboundMessage {
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
    ownHeaders,
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

function unwritable(outbound: OutboundRecord, cause: unknown): HeadwaterError {
  return new HeadwaterError(
    'HW-KAFKA-019',
    `the lane's map returned for record ${outbound.id} a ${typeof outbound.value} that JSON cannot hold`,
    { details: { recordId: outbound.id }, cause },
  );
}
