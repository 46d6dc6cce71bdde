import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { OutboundRecord } from '../../sink.ts';
import { callOwn } from './call-own.ts';
import { isTopicName, type KafkaTopic } from './kafka-options.ts';
import { renderTopic } from './topic-template.ts';

const defaultEventTopic = 'events';

/**
 * The topic of a record: the lane's route, else the sink's option, else the name of the table or `events`. Pure.
 * @throws HW-KAFKA-020 for what is no name of a topic, HW-KAFKA-022 when the user's function throws.
 */
export function chooseTopic(
  outbound: OutboundRecord,
  topic: KafkaTopic | undefined,
  table: TableSchema | undefined,
): string {
  const name = outbound.destination ?? nameTopic(outbound, topic, table);
  if (typeof name === 'string' && isTopicName(name)) return name;
  const shown = typeof name === 'string' ? `"${name.slice(0, 260)}"` : `a ${typeof name}`;
  throw new HeadwaterError('HW-KAFKA-020', `record ${outbound.id} has no valid topic: ${shown}`, {
    details: { recordId: outbound.id },
  });
}

function nameTopic(outbound: OutboundRecord, topic: KafkaTopic | undefined, table: TableSchema | undefined): unknown {
  if (typeof topic === 'string') return topic;
  if (typeof topic === 'function') return callOwn('topic', topic, outbound);
  if (table === undefined) {
    return topic?.events === undefined ? defaultEventTopic : renderTopic(topic.events, partsOfEvent(outbound.record));
  }
  const { schemaName: schema, tableName } = table;
  return topic?.changes === undefined
    ? `${schema}.${tableName}`
    : renderTopic(topic.changes, { schema, table: tableName });
}

function partsOfEvent(record: JournalRecord): Readonly<Record<string, string>> {
  return record.kind === 'event' ? { type: record.event.type, source: record.event.source } : {};
}
