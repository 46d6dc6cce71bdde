import { Socket } from 'node:net';

import pg from 'pg';

/** What is read, and who is told of each message. */
export interface SlotReaderOptions {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  /** How long reading rests while more gathers, in milliseconds; 0: not at all. */
  readonly pauseMs: number;
  /** A message of the output plugin begins at `offset`; the buffer is written again after the call. */
  message(buffer: Buffer, offset: number): void;
  /** Everything that one read brought was told. */
  readEnded(): void;
  /** What is acknowledged once a second. */
  acknowledgedLsn(): bigint;
}

const roomLength = 1_048_576;
/** A smaller read finds the stream idle: nothing gathers. */
const busyLength = 2048;

/**
 * Reads a slot with as little work as there can be: into one buffer, framed in place, nothing kept but an unfinished message.
 * Resolves when the stream was asked for. What the server sends then comes in calls.
 */
export async function readSlot(options: SlotReaderOptions): Promise<void> {
  const { pauseMs } = options;
  const room = Buffer.allocUnsafeSlow(roomLength);
  let isStreaming = false;
  let rest: Buffer = Buffer.alloc(0);
  const stream = new Socket({ onread: { buffer: room, callback: read } });
  const client = new pg.Client({
    connectionString: options.url,
    replication: 'database',
    stream: () => stream,
  } as pg.ClientConfig);
  await client.connect();
  stream.removeAllListeners('data');
  isStreaming = true;
  setInterval(() => stream.write(encodeStatus(options.acknowledgedLsn())), 1000).unref();
  const internals = client as unknown as { connection: { query(text: string): void } };
  internals.connection.query(
    `START_REPLICATION SLOT "${options.slot}" LOGICAL 0/0 (proto_version '1', publication_names '${options.publication}', messages 'true')`,
  );

  /** Takes what the kernel has, then pauses while more gathers, unless the buffer was too small for what is there already. */
  function read(length: number): boolean {
    const bytes = room.subarray(0, length);
    if (!isStreaming) {
      stream.emit('data', Buffer.from(bytes));
      return true;
    }
    consume(rest.length === 0 ? bytes : Buffer.concat([rest, bytes]));
    rest = Buffer.from(rest);
    if (pauseMs === 0 || length === roomLength || length < busyLength) return true;
    stream.pause();
    setTimeout(() => stream.resume(), pauseMs);
    return true;
  }

  function consume(buffer: Buffer): void {
    let offset = 0;
    while (offset + 5 <= buffer.length) {
      const end = offset + 1 + buffer.readUInt32BE(offset + 1);
      if (end > buffer.length) break;
      if (buffer[offset] === 0x64 && buffer[offset + 5] === 0x77) options.message(buffer, offset + 30);
      if (buffer[offset] === 0x45) throw new Error(buffer.toString('latin1', offset, end));
      offset = end;
    }
    rest = buffer.subarray(offset);
    options.readEnded();
  }
}

function encodeStatus(lsn: bigint): Buffer {
  const message = Buffer.alloc(39);
  message[0] = 0x64;
  message.writeUInt32BE(38, 1);
  message[5] = 0x72;
  for (const place of [6, 14, 22]) message.writeBigUInt64BE(lsn, place);
  return message;
}
