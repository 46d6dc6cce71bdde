/*
 * RecordBatch, magic 2: https://kafka.apache.org/documentation/#recordbatch
 *
 *   baseOffset: int64            batchLength: int32          partitionLeaderEpoch: int32   magic: int8 (2)
 *   crc: uint32, CRC-32C of everything behind it
 *   attributes: int16 (bits 0–2 compression, 4 transactional)
 *   lastOffsetDelta: int32       baseTimestamp: int64        maxTimestamp: int64
 *   producerId: int64            producerEpoch: int16        baseSequence: int32           records: [Record]
 *
 * Record: length: varint, attributes: int8, timestampDelta: varlong, offsetDelta: varint,
 *   keyLength: varint (−1: null), key, valueLength: varint (−1: null), value, headersCount: varint, headers
 * Header: keyLength: varint, key, valueLength: varint, value
 * varint: zigzag, then 7 bits a byte, the lowest first.
 *
 * Records are written once, straight into the buffer that is sent. A length stands before what it measures, so it is guessed
 * from the number of characters, and only when the guess took another number of bytes is the text moved.
 */

/** A header's name with its length in front, made once. */
export interface HeaderName {
  readonly text: string;
  readonly encoded: Uint8Array;
}

/** Headers that many records share, made once. */
export interface EncodedHeaders {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A header of one record. */
export interface Header {
  readonly name: HeaderName;
  readonly value: string;
}

/** One record of a batch. */
export interface BatchRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | string | null;
  readonly sharedHeaders: readonly EncodedHeaders[];
  readonly headers: readonly Header[];
}

/** What a producer adds when it sends a batch. */
export interface BatchProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly timestampMs: bigint;
}

/** Compression by a codec of Kafka: its number in the attributes. */
export interface BatchCodec {
  readonly attributes: number;
  readonly compress: (records: Buffer) => Uint8Array;
}

/** A batch without a record: what its fixed fields take. */
export const batchOverheadBytes = 61;

const lengthOffset = 8;
const crcOffset = 17;
const attributesOffset = 21;
const transactional = 1 << 4;
const lengthEnd = 12;

/** Collects records and encodes them as one batch. Holds about twice their bytes at most. */
export class RecordBatchBuilder {
  #buffer: Buffer;
  #length = batchOverheadBytes;
  #recordCount = 0;

  constructor(capacityBytes: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(capacityBytes, 1024));
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Bytes of the batch before compression. */
  get byteCount(): number {
    return this.#length;
  }

  /** Adds a record and returns its bytes. */
  append(record: BatchRecord): number {
    const start = this.#length;
    this.#reserve(3 * 10);
    // Two bytes hold the length of all but tiny and large records.
    let position = start + 2;
    this.#buffer[position] = 0;
    this.#buffer[position + 1] = 0;
    position = writeVarint(this.#buffer, position + 2, this.#recordCount);
    this.#length = position;
    this.#appendField(record.key);
    this.#appendField(record.value);
    this.#appendHeaders(record);
    this.#closeLength(start);
    this.#recordCount += 1;
    return this.#length - start;
  }

  /** Takes the last record back, which `append` said to have `byteCount` bytes. */
  dropLast(byteCount: number): void {
    this.#length -= byteCount;
    this.#recordCount -= 1;
  }

  /** The batch as it is sent. The builder may not be used afterwards, except to call this again. */
  encode(producer: BatchProducer, checksum: (bytes: Uint8Array) => number, codec?: BatchCodec): Buffer {
    const batch = codec === undefined ? this.#buffer.subarray(0, this.#length) : this.#compress(codec);
    batch.writeBigInt64BE(0n, 0);
    batch.writeInt32BE(batch.length - lengthEnd, lengthOffset);
    batch.writeInt32BE(-1, 12);
    batch.writeInt8(2, 16);
    batch.writeInt16BE(transactional | (codec?.attributes ?? 0), attributesOffset);
    batch.writeInt32BE(this.#recordCount - 1, 23);
    batch.writeBigInt64BE(producer.timestampMs, 27);
    batch.writeBigInt64BE(producer.timestampMs, 35);
    batch.writeBigInt64BE(producer.producerId, 43);
    batch.writeInt16BE(producer.producerEpoch, 51);
    batch.writeInt32BE(producer.firstSequence, 53);
    batch.writeInt32BE(this.#recordCount, 57);
    batch.writeUInt32BE(checksum(batch.subarray(attributesOffset)) >>> 0, crcOffset);
    return batch;
  }

  #compress(codec: BatchCodec): Buffer {
    const records = codec.compress(this.#buffer.subarray(batchOverheadBytes, this.#length));
    const batch = Buffer.allocUnsafe(batchOverheadBytes + records.length);
    batch.set(records, batchOverheadBytes);
    return batch;
  }

  #appendField(field: Uint8Array | string | null): void {
    if (field === null) {
      this.#reserve(1);
      this.#length = writeVarint(this.#buffer, this.#length, -1);
    } else if (typeof field === 'string') {
      this.#appendText(field);
    } else {
      this.#reserve(5 + field.length);
      const position = writeVarint(this.#buffer, this.#length, field.length);
      this.#buffer.set(field, position);
      this.#length = position + field.length;
    }
  }

  #appendText(text: string): void {
    this.#reserve(5 + text.length * 3);
    const start = this.#length;
    const textStart = start + varintBytes(text.length);
    const written = this.#buffer.write(text, textStart);
    const textLengthBytes = varintBytes(written);
    if (start + textLengthBytes !== textStart) {
      this.#buffer.copyWithin(start + textLengthBytes, textStart, textStart + written);
    }
    writeVarint(this.#buffer, start, written);
    this.#length = start + textLengthBytes + written;
  }

  #appendHeaders(record: BatchRecord): void {
    let count = record.headers.length;
    for (const shared of record.sharedHeaders) count += shared.count;
    this.#reserve(5);
    this.#length = writeVarint(this.#buffer, this.#length, count);
    for (const shared of record.sharedHeaders) this.#appendBytes(shared.bytes);
    for (const header of record.headers) {
      this.#appendBytes(header.name.encoded);
      this.#appendText(header.value);
    }
  }

  #appendBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #closeLength(start: number): void {
    const bodyStart = start + 2;
    const bodyLength = this.#length - bodyStart;
    const lengthBytes = varintBytes(bodyLength);
    if (lengthBytes !== 2) {
      this.#reserve(3);
      this.#buffer.copyWithin(start + lengthBytes, bodyStart, this.#length);
      this.#length = start + lengthBytes + bodyLength;
    }
    writeVarint(this.#buffer, start, bodyLength);
  }

  #reserve(byteCount: number): void {
    if (this.#length + byteCount <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + byteCount));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Makes a header's name ready for use in many records. */
export function encodeHeaderName(text: string): HeaderName {
  return { text, encoded: encodeSized(text) };
}

/** Makes headers ready for use in many records. */
export function encodeHeaders(headers: readonly Header[]): EncodedHeaders {
  const parts = headers.flatMap((header) => [header.name.encoded, encodeSized(header.value)]);
  return { count: headers.length, bytes: Buffer.concat(parts) };
}

function encodeSized(text: string): Buffer {
  const bytes = Buffer.from(text);
  const sized = Buffer.allocUnsafe(varintBytes(bytes.length) + bytes.length);
  sized.set(bytes, writeVarint(sized, 0, bytes.length));
  return sized;
}

/** Bytes of a number that is not negative, as zigzag varint. */
function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

/** Writes a signed 32-bit number and returns the position behind it. */
function writeVarint(buffer: Buffer, offset: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let position = offset;
  while (rest > 0x7f) {
    buffer[position] = (rest & 0x7f) | 0x80;
    position += 1;
    rest >>>= 7;
  }
  buffer[position] = rest;
  return position + 1;
}
