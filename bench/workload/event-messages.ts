import { toInstant } from '../../src/foundation/clock.ts';
import { encodeEventEnvelope, eventMessagePrefix } from '../../src/model/event-envelope.ts';

const payloadByteCount = 640;
const idPrefix = '01920000-0000-7000-8000-';

/** The id of the event with this number. */
export function eventId(number: number): string {
  return `${idPrefix}${number.toString(16).padStart(12, '0')}`;
}

/**
 * One event as it comes in a replication stream, about a kilobyte:
 *
 *   CopyData 'd' Int32(length), XLogData 'w' Int64 Int64 Int64, Message 'M' Int8(1) Int64 String(prefix) Int32(length) content
 */
const template: Buffer = createMessage();
const idOffset = template.indexOf(idPrefix) + idPrefix.length;

export const eventMessageByteCount: number = template.length;

/** Events with consecutive numbers, one behind the other, in memory of their own. */
export function createEventMessages(firstNumber: number, count: number): Buffer {
  const group = Buffer.allocUnsafeSlow(count * template.length);
  for (let index = 0; index < count; index += 1) {
    const start = index * template.length;
    template.copy(group, start);
    group.write((firstNumber + index).toString(16).padStart(12, '0'), start + idOffset, 'latin1');
  }
  return group;
}

function createMessage(): Buffer {
  const content = encodeEventEnvelope({
    id: eventId(0),
    type: 'order.placed',
    schemaVersion: 1,
    key: null,
    source: 'bench',
    occurredAt: toInstant(1_800_000_000_000),
    contentType: 'application/json',
    payload: Buffer.from(JSON.stringify({ padding: 'x'.repeat(payloadByteCount) })),
    headers: {},
    origin: 'message',
  });
  const prefix = Buffer.from(`${eventMessagePrefix}\0`);
  const message = Buffer.alloc(44 + prefix.length + content.length);
  message.write('d', 0);
  message.writeUInt32BE(message.length - 1, 1);
  message.write('w', 5);
  message.write('M', 30);
  message.writeUInt8(1, 31);
  message.set(prefix, 40);
  message.writeUInt32BE(content.length, 40 + prefix.length);
  message.set(content, 44 + prefix.length);
  return message;
}
