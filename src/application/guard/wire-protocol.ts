/** What a client writes to a server, as far as its bytes tell. */
export type WireProtocol = 'postgresql' | 'http' | 'websocket' | 'redis' | 'amqp' | 'nats' | 'kafka';

/**
 * Recognises what a client writes, at the beginning of a connection and in the middle of it. That is how the database is told from a
 * broker: the host is often the same, the port is anybody's choice, and of a pool nobody knows which connection it will lend.
 */
export function readProtocol(bytes: Uint8Array): WireProtocol | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isPostgresStart(view) || isPostgresMessages(view)) return 'postgresql';
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, headBytesMax)).toString('latin1');
  if (/^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/.test(head)) return /\r\nupgrade: *websocket/i.test(head) ? 'websocket' : 'http';
  if (/^\*\d+\r\n\$/.test(head)) return 'redis';
  if (/^(CONNECT \{|H?PUB \S|SUB \S|UNSUB \S|P[IO]NG\r\n)/.test(head)) return 'nats';
  if (head.startsWith('AMQP') || isAmqpFrame(view)) return 'amqp';
  return isKafkaRequest(view) ? 'kafka' : undefined;
}

/** As much of a chunk as its recognition may need, where the whole is a copy. */
export const headBytesMax = 4096;

/**
 * Int32(length) Int32(code), the whole of the first write: StartupMessage 3.0 and 3.2, SSLRequest, GSSENCRequest, CancelRequest.
 * https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
function isPostgresStart(view: DataView): boolean {
  return view.byteLength >= 8 && view.getInt32(0) === view.byteLength && startCodes.has(view.getInt32(4));
}

const startCodes: ReadonlySet<number> = new Set([196_608, 196_610, 80_877_103, 80_877_104, 80_877_102]);

/** Messages of a frontend: Byte1(type) Int32(length, without the type), one behind the other to the very end of the write. */
function isPostgresMessages(view: DataView): boolean {
  let at = 0;
  while (at + 5 <= view.byteLength && frontendTypes.has(view.getUint8(at))) {
    const length = view.getInt32(at + 1);
    if (length < 4) return false;
    at += 1 + length;
  }
  return at > 0 && at === view.byteLength;
}

const frontendTypes: ReadonlySet<number> = new Set(Buffer.from('QPBDESXCHFpdcf'));

/**
 * Octet(type) Short(channel) Long(size) payload Octet(206).
 * https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf 4.2.3
 */
function isAmqpFrame(view: DataView): boolean {
  if (view.byteLength < 8 || !amqpTypes.has(view.getUint8(0))) return false;
  const end = 7 + view.getUint32(3);
  return end < view.byteLength && view.getUint8(end) === 206;
}

const amqpTypes: ReadonlySet<number> = new Set([1, 2, 3, 8]);

/** Int32(size, without itself) Int16(api key) Int16(api version) Int32(correlation). https://kafka.apache.org/protocol.html */
function isKafkaRequest(view: DataView): boolean {
  if (view.byteLength < 12 || view.getInt32(0) < view.byteLength - 4) return false;
  const key = view.getInt16(4);
  const version = view.getInt16(6);
  return key >= 0 && key < 100 && version >= 0 && version < 30;
}
