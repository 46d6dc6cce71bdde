/**
 * The physical limit of reading a slot: reads with the same coalescing as Headwater, frames and counts the messages, throws
 * them away, and acknowledges once a second. Ends at the given number of commits. A program of its own, so that its memory
 * and CPU are its own.
 *
 *   node bench/peers/bare-reader.ts URL SLOT PUBLICATION COMMITS
 */
import { Socket } from 'node:net';

import pg from 'pg';

const [url = '', slot = '', publication = '', commits = '0'] = process.argv.slice(2);
const wanted = Number(commits);
const pauseMs = 1;

const roomLength = 1_048_576;
const room = Buffer.allocUnsafeSlow(roomLength);
let isStreaming = false;
let rest: Buffer = Buffer.alloc(0);
let rowCount = 0;
let commitCount = 0;
let lastEnd = 0n;
let startedAt = Number.NaN;

const stream = new Socket({ onread: { buffer: room, callback: read } });
const client = new pg.Client({
  connectionString: url,
  replication: 'database',
  stream: () => stream,
} as pg.ClientConfig);
await client.connect();
stream.removeAllListeners('data');
isStreaming = true;
startedAt = performance.now();
setInterval(acknowledge, 1000).unref();
const internals = client as unknown as { connection: { query(text: string): void } };
internals.connection.query(
  `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '${publication}', messages 'true')`,
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
  if (length === roomLength || length < 2048) return true;
  stream.pause();
  setTimeout(() => stream.resume(), pauseMs);
  return true;
}

function consume(buffer: Buffer): void {
  let offset = 0;
  while (offset + 5 <= buffer.length) {
    const end = offset + 1 + buffer.readUInt32BE(offset + 1);
    if (end > buffer.length) break;
    if (buffer[offset] === 0x64 && buffer[offset + 5] === 0x77) countMessage(buffer, offset + 30);
    if (buffer[offset] === 0x45) throw new Error(buffer.toString('latin1', offset, end));
    offset = end;
  }
  rest = buffer.subarray(offset);
  if (commitCount >= wanted) finish();
}

function countMessage(buffer: Buffer, offset: number): void {
  const tag = buffer[offset];
  if (tag === 0x49 || tag === 0x55 || tag === 0x44) rowCount += 1;
  if (tag === 0x43) {
    commitCount += 1;
    lastEnd = buffer.readBigUInt64BE(offset + 10);
  }
}

function acknowledge(): void {
  const message = Buffer.alloc(39);
  message[0] = 0x64;
  message.writeUInt32BE(38, 1);
  message[5] = 0x72;
  for (const place of [6, 14, 22]) message.writeBigUInt64BE(lastEnd, place);
  stream.write(message);
}

function finish(): void {
  process.stdout.write(
    `${JSON.stringify({ rows: rowCount, commits: commitCount, seconds: (performance.now() - startedAt) / 1000 })}\n`,
  );
  process.exit(0);
}
