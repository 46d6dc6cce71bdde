import { HeadwaterError } from '../../../foundation/error.ts';
import { toSequence } from '../../../model/position.ts';
import { checkpointAfter } from '../../batch-planner.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import type { OutboundBatch, OutboundRecord } from '../../sink.ts';
import { encodePositionHeaders, type MessagePosition } from './lane-position.ts';
import { countHeaderBytes, describeRecord, encodeHeaderValue, type HeaderLine } from './message-headers.ts';
import { type OutboundMessage, type SubjectOptions, toOutboundMessages } from './outbound-message.ts';

/** A message with its place in the lane. */
export interface PlannedMessage {
  readonly subject: string;
  readonly id: string;
  readonly payload: Uint8Array;
  /** All but those that depend on where in the stream it goes. */
  readonly headers: readonly HeaderLine[];
  /** Where the lane stands once the message is in the stream. */
  readonly position: MessagePosition;
}

/** What a batch is planned with. */
export interface BatchPlanOptions extends SubjectOptions {
  readonly owner: string;
  /** No larger message goes out, its headers included. */
  readonly messageBytesMax: number;
  /** So many messages of the first record are in the stream already. */
  readonly part: number;
}

/** The server counts the bytes of the headers in 16 bits. */
const headerBytesMax = 65_535;
/** Room for what is added when it is sent: the expected stream, sequence and message id. */
const expectationBytes = 160;

/**
 * The messages of a batch, in order, each with the position that it moves the lane to: behind its record; when its record goes
 * on, in front of it with the number of its messages so far; and the last one to the end of the batch. Pure.
 * @throws HW-NATS-008, HW-NATS-019, HW-NATS-020 with nothing sent.
 */
export function planBatch(batch: OutboundBatch, options: BatchPlanOptions): readonly PlannedMessage[] {
  const planned: PlannedMessage[] = [];
  let former = batch.from;
  for (const [index, outbound] of batch.records.entries()) {
    const before = batch.records[index - 1];
    if (before !== undefined && before.header.sequence < outbound.header.sequence)
      former = checkpointAfter(batch.from.journalId, before.header);
    const after = index === batch.records.length - 1 ? batch.to : placeAt(outbound, former, 1);
    const messages = toOutboundMessages(outbound, options);
    const skipped = index === 0 && isNextRecord(batch.from, outbound) ? options.part : 0;
    for (const [messageIndex, message] of messages.entries()) {
      const isLast = messageIndex === messages.length - 1;
      if (messageIndex < skipped && !isLast) continue;
      const position = isLast
        ? { checkpoint: after, part: 0 }
        : { checkpoint: placeAt(outbound, former, 0), part: messageIndex + 1 };
      planned.push(planMessage(outbound, { message, position, options }));
    }
  }
  return planned;
}

function isNextRecord(from: Checkpoint, { header, record }: OutboundRecord): boolean {
  return header.sequence === from.sequence + 1n && record.ordinal === from.recordCount;
}

interface MessagePlan {
  readonly message: OutboundMessage;
  readonly position: MessagePosition;
  readonly options: BatchPlanOptions;
}

function planMessage(outbound: OutboundRecord, { message, options, position }: MessagePlan): PlannedMessage {
  const { id, payload, subject } = message;
  const headers: HeaderLine[] = [
    ['Nats-Msg-Id', encodeHeaderValue(id)],
    ...describeRecord(outbound, message),
    ...encodePositionHeaders(options.owner, position),
  ];
  const headerBytes = countHeaderBytes(headers) + expectationBytes + 2 * Buffer.byteLength(headers[0]?.[1] ?? '');
  const byteCount = headerBytes + payload.length;
  if (headerBytes > headerBytesMax)
    throw tooLarge(outbound, 'headers of ', { byteCount: headerBytes, limit: headerBytesMax });
  if (byteCount > options.messageBytesMax) throw tooLarge(outbound, '', { byteCount, limit: options.messageBytesMax });
  return { subject, id, payload, headers, position };
}

/**
 * The place in front of a record (`offset` 0) or behind it (1). What it says of the source of the transaction before is exact
 * when that one is in the batch, else too old: it is for people, not for decisions.
 */
function placeAt({ header, record }: OutboundRecord, former: Checkpoint, offset: 0 | 1): Checkpoint {
  return { ...former, sequence: toSequence(header.sequence - 1n), recordCount: record.ordinal + offset };
}

function tooLarge(
  { id }: OutboundRecord,
  part: string,
  { byteCount, limit }: { readonly byteCount: number; readonly limit: number },
): HeadwaterError {
  const message = `record ${id} has ${part}${byteCount} bytes as a NATS message, ${limit} are taken`;
  return new HeadwaterError('HW-NATS-008', message, { details: { recordId: id, byteCount, limit } });
}
