import { isUtf8 } from 'node:buffer';

import { HeadwaterError } from '../../../foundation/error.ts';
import { readUint32, readUint64 } from '../replication/wire.ts';

/**
 * Reads the fields of one message, in order, and never beyond its end. Widths and signs are in the names; numbers are
 * big-endian. One reader is moved from message to message, so that a body of many messages makes no garbage of its own.
 */
export class MessageReader {
  #bytes: Buffer = Buffer.alloc(0);
  #offset = 0;
  #end = 0;
  #messageName = '';

  /** Begins a message of `bytes`, from `start` up to `end`. */
  open(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
    this.#messageName = 'unknown';
  }

  /** Names the message for errors. */
  name(messageName: string): void {
    this.#messageName = messageName;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  readUint8(): number {
    this.#need(1);
    const value = this.#bytes[this.#offset] ?? 0;
    this.#offset += 1;
    return value;
  }

  readUint16(): number {
    this.#need(2);
    const value = ((this.#bytes[this.#offset] ?? 0) << 8) | (this.#bytes[this.#offset + 1] ?? 0);
    this.#offset += 2;
    return value;
  }

  readUint32(): number {
    this.#need(4);
    const value = readUint32(this.#bytes, this.#offset);
    this.#offset += 4;
    return value;
  }

  readInt32(): number {
    return this.readUint32() | 0;
  }

  readUint64(): bigint {
    this.#need(8);
    const value = readUint64(this.#bytes, this.#offset);
    this.#offset += 8;
    return value;
  }

  readInt64(): bigint {
    return BigInt.asIntN(64, this.readUint64());
  }

  /** Text up to a NUL. @throws HW-CAPTURE-002, or HW-CAPTURE-005 when it is not UTF-8. */
  readCString(): string {
    const terminator = this.#bytes.indexOf(0, this.#offset);
    if (terminator === -1 || terminator >= this.#end) this.#fail('a text has no end');
    const text = this.#decode(this.#offset, terminator);
    this.#offset = terminator + 1;
    return text;
  }

  /** Text of `length` bytes. @throws HW-CAPTURE-002, or HW-CAPTURE-005 when it is not UTF-8. */
  readText(length: number): string {
    this.#need(length);
    const start = this.#offset;
    this.#offset += length;
    return this.#decode(start, this.#offset);
  }

  /** A view, not a copy. */
  readBytes(length: number): Uint8Array {
    this.#need(length);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  /** The message must be at its end. @throws HW-CAPTURE-002 */
  close(): void {
    if (this.#offset !== this.#end) this.#fail(`${this.#end - this.#offset} bytes are left over`);
  }

  /** @throws HW-CAPTURE-002 */
  #need(length: number): void {
    if (length > this.#end - this.#offset)
      this.#fail(`${length} bytes are needed, ${this.#end - this.#offset} are left`);
  }

  #decode(start: number, end: number): string {
    const text = this.#bytes.toString('utf8', start, end);
    // A replacement character is in the value itself, or stands for bytes that are no UTF-8.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, end))) {
      throw new HeadwaterError(
        'HW-CAPTURE-005',
        `a value of ${end - start} bytes in a ${this.#messageName} message is not UTF-8`,
      );
    }
    return text;
  }

  #fail(reason: string): never {
    throw new HeadwaterError('HW-CAPTURE-002', `a ${this.#messageName} message does not follow its grammar: ${reason}`);
  }

  /** For a value outside its closed list. @throws HW-CAPTURE-002 */
  refuse(reason: string): never {
    this.#fail(reason);
  }
}
