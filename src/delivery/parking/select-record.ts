import { unreachable } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import type { DecodedPart } from '../decoded-part.ts';
import { type DeliveryOptions, isOversized, selectRecord } from '../delivery.ts';
import type { ResolvedLaneOptions } from '../lane-options.ts';
import { recordOrder, toOutboundRecord } from '../outbound-record.ts';
import { isPoison, nameRecord, subjectOf } from '../poisoned-record.ts';
import type { OutboundRecord } from '../sink.ts';
import type { ParkedOrder } from './parked-record.ts';
import type { ParkedSubject } from './parking.ts';

/**
 * The record to be delivered, or what else is done with it. `pass`: left out by the filter, on the list of parked records, or
 * dropped from it. `hold`: it is to be parked, and a release must make room for it first; nothing is done yet.
 */
export type Selection = OutboundRecord | 'pass' | 'hold';

type SelectOptions = Pick<DeliveryOptions, 'lane' | 'laneName' | 'sink' | 'counts' | 'parking'>;

/**
 * What the lane's functions, the sink and the list of parked records make of a record. A poisoned one, and one behind it, is
 * listed; it counts as parked once `Parking.secure` has made that durable.
 * @throws HW-LANE-010, -011, HW-SINK-005 with the place of the record where it is not parked; HW-LANE-014
 */
export function selectOrPark(part: DecodedPart, index: number, options: SelectOptions): Selection {
  const record = part.records[index];
  if (record === undefined) return 'pass';
  const { parking, lane } = options;
  const place = { sequence: part.header.sequence, ordinal: record.ordinal };
  if (parking?.isEmpty === false && parking.knows(place)) return 'pass';
  const selected = trySelect(part, index, options);
  if (selected instanceof HeadwaterError) {
    if (parking?.mayPark !== true || !isPoison(selected)) throw selected;
    if (!parking.hasRoom(true)) return 'hold';
    parking.park(identify(record, part, lane, selected), selected);
    return 'pass';
  }
  if (selected === undefined) return 'pass';
  if (parking === undefined || parking.recordCount === 0) return selected;
  const subject = toSubject(selected, lane);
  if (!parking.isBehind(place, subject.order)) return selected;
  if (!parking.hasRoom(false)) return 'hold';
  parking.wait(subject);
  return 'pass';
}

/** What a record is on its way to the sink, undefined when it is left out, or the error that it is refused with here. */
export function trySelect(
  part: DecodedPart,
  index: number,
  options: Omit<SelectOptions, 'parking'>,
): OutboundRecord | HeadwaterError | undefined {
  try {
    const outbound = selectRecord(part, index, options);
    if (outbound === undefined || !isOversized(outbound, options.sink)) return outbound;
    const limit = options.sink.capabilities.recordBytesMax ?? 0;
    const message = `a record has about ${outbound.byteCount} bytes, the sink takes ${limit}`;
    const details = { byteCount: outbound.byteCount, limit };
    return nameRecord(new HeadwaterError('HW-SINK-005', message, { details }), outbound);
  } catch (thrown) {
    return HeadwaterError.from(thrown);
  }
}

/** How a record is listed. */
export function toSubject(
  outbound: Pick<OutboundRecord, 'id' | 'key' | 'record' | 'header'>,
  lane: Pick<ResolvedLaneOptions, 'key'>,
): ParkedSubject {
  const { id, key, record, header } = outbound;
  return {
    sequence: header.sequence,
    ordinal: record.ordinal,
    id,
    key,
    subject: Object.values(subjectOf(record)).join(' '),
    order: toParkedOrder(outbound, lane),
  };
}

/** A record whose key is not known cannot be parked: later ones of its key would overtake it. */
function identify(
  record: JournalRecord,
  { header }: DecodedPart,
  lane: ResolvedLaneOptions,
  refusal: HeadwaterError,
): ParkedSubject {
  try {
    const outbound = toOutboundRecord(record, header, { key: lane.key });
    if (outbound !== undefined) return toSubject(outbound, lane);
  } catch {
    // The key itself is what failed.
  }
  throw refusal;
}

function toParkedOrder(
  outbound: Pick<OutboundRecord, 'key' | 'record'>,
  lane: Pick<ResolvedLaneOptions, 'key'>,
): ParkedOrder {
  const order = recordOrder(outbound, lane.key !== undefined);
  switch (order.kind) {
    case 'free':
    case 'keys':
      return order;
    case 'barrier': {
      const { record } = outbound;
      return { kind: 'tables', tables: record.kind === 'truncate' ? record.tables.map(nameOf) : [] };
    }
    default:
      return unreachable(order);
  }
}

function nameOf({ schemaName, tableName }: TableSchema): string {
  return `${schemaName}.${tableName}`;
}
