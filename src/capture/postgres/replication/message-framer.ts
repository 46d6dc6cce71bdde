import { HeadwaterError } from '../../../foundation/error.ts';

/**
 * Called with each whole message: `bytes[start]` is its tag, `end` is behind its last byte. `hold`: the message was not
 * taken; it and what follows are kept, and come again with the next push. A message above the gather threshold must be taken.
 */
export type MessageVisitor = (bytes: Uint8Array, start: number, end: number) => 'hold' | void;

const headerLength = 5;
/** PostgreSQL allocates at most 1 GiB for a message, headers come on top. */
const messageLengthMax = 1024 ** 3 + 65_536;
/** A message above this size that spans reads gets a buffer of its own at once. */
const gatherThreshold = 262_144;
const emptyBytes = new Uint8Array(0);

/**
 * Cuts a byte stream of the PostgreSQL protocol into messages, wherever the reads end.
 *
 * https://www.postgresql.org/docs/18/protocol-message-formats.html: every message is
 *
 *     Byte1  tag
 *     Int32  length of the message in bytes, itself included and the tag not
 *     …      contents
 *
 * Messages are not copied. One that spans reads is joined once: in place when the next read continues the buffer of the last
 * one (the socket adapter reads so), else into a buffer of its own.
 */
export class MessageFramer {
  /** The beginning of a small message whose rest has not come. */
  #rest: Uint8Array = emptyBytes;
  /** A large message being gathered in its own buffer. */
  #gathered: Uint8Array | undefined;
  #gatheredLength = 0;

  /** Bytes of an unfinished message. */
  get restLength(): number {
    return this.#gathered === undefined ? this.#rest.length : this.#gatheredLength;
  }

  /** What was not taken yet. A view, valid until the next push. */
  get rest(): Uint8Array {
    return this.#gathered === undefined ? this.#rest : this.#gathered.subarray(0, this.#gatheredLength);
  }

  /** @throws HW-CAPTURE-001 for a length that no message has, HW-CAPTURE-007 above the limit. The framer is then unusable. */
  push(chunk: Uint8Array, visit: MessageVisitor): void {
    const bytes = this.#gathered === undefined ? this.#join(chunk) : this.#gather(this.#gathered, chunk, visit);
    let offset = 0;
    while (bytes.length - offset >= headerLength) {
      const end = offset + 1 + readLength(bytes, offset + 1);
      if (end > bytes.length) break;
      if (visit(bytes, offset, end) === 'hold') break;
      offset = end;
    }
    if (offset < bytes.length) this.#keepRest(bytes.subarray(offset));
  }

  #join(chunk: Uint8Array): Uint8Array {
    const rest = this.#rest;
    if (rest.length === 0) return chunk;
    this.#rest = emptyBytes;
    if (chunk.length === 0) return rest;
    const isContinued = rest.buffer === chunk.buffer && rest.byteOffset + rest.length === chunk.byteOffset;
    if (isContinued) return new Uint8Array(rest.buffer, rest.byteOffset, rest.length + chunk.length);
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    return joined;
  }

  /** Fills the buffer of a large message and returns what of the chunk comes behind it. */
  #gather(gathered: Uint8Array, chunk: Uint8Array, visit: MessageVisitor): Uint8Array {
    const taken = Math.min(gathered.length - this.#gatheredLength, chunk.length);
    gathered.set(chunk.subarray(0, taken), this.#gatheredLength);
    this.#gatheredLength += taken;
    if (this.#gatheredLength < gathered.length) return emptyBytes;
    this.#gathered = undefined;
    visit(gathered, 0, gathered.length);
    return chunk.subarray(taken);
  }

  #keepRest(rest: Uint8Array): void {
    const messageLength = rest.length < headerLength ? 0 : 1 + readLength(rest, 1);
    if (messageLength <= gatherThreshold) {
      this.#rest = rest;
      return;
    }
    this.#gathered = new Uint8Array(messageLength);
    this.#gathered.set(rest);
    this.#gatheredLength = rest.length;
  }
}

function readLength(bytes: Uint8Array, offset: number): number {
  const length =
    (bytes[offset] ?? 0) * 0x1_000_000 +
    ((bytes[offset + 1] ?? 0) << 16) +
    ((bytes[offset + 2] ?? 0) << 8) +
    (bytes[offset + 3] ?? 0);
  if (length < 4) throw new HeadwaterError('HW-CAPTURE-001', `a message of the stream has the length ${length}`);
  if (length > messageLengthMax) {
    throw new HeadwaterError(
      'HW-CAPTURE-007',
      `a message of the stream has ${length} bytes; the limit is ${messageLengthMax}`,
    );
  }
  return length;
}
