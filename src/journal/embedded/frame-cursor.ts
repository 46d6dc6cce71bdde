import { crc32 } from 'node:zlib';

import type { DiskFile } from '../../foundation/disk.ts';
import { getUint53 } from './commit-record.ts';
import { bodyEncodingMax, type Frame, frameBodyMax, frameHeaderLength, frameSeed, isFrameKind } from './frame.ts';
import { readWhole } from './read-whole.ts';

/** What stands at the cursor. */
export type FrameStep =
  | { readonly kind: 'frame'; readonly frame: Frame }
  /** `load` this many bytes, then look again. */
  | { readonly kind: 'more'; readonly byteCount: number }
  /** The limit is reached exactly. */
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly reason: string }
  /** The checksum holds, so it was written like this, by a release that knows more. */
  | { readonly kind: 'unknown'; readonly reason: string };

const loadByteCountDefault = 512 * 1024;

/** Where a cursor begins and ends. */
export interface FrameCursorOptions {
  readonly file: DiskFile;
  /** CRC of the file's header. */
  readonly seed: number;
  readonly position: number;
  /** Nothing at or behind this offset is looked at. */
  readonly limit: number;
  /** So much is read at once; more when a frame is larger. Default: 512 KiB. */
  readonly loadByteCount?: number | undefined;
}

/**
 * Walks over the frames of one file. Reading and looking are apart, so that a whole window of frames is taken without a
 * wait. A window is never written to again: bodies are views into it and may be kept.
 */
export class FrameCursor {
  readonly #file: DiskFile;
  readonly #seed: number;
  readonly #loadByteCount: number;
  #limit: number;
  #position: number;
  #window: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Offset of the window's first byte in the file. */
  #windowStart = 0;

  constructor(options: FrameCursorOptions) {
    this.#file = options.file;
    this.#seed = options.seed;
    this.#position = options.position;
    this.#limit = options.limit;
    this.#loadByteCount = options.loadByteCount ?? loadByteCountDefault;
  }

  get position(): number {
    return this.#position;
  }

  get limit(): number {
    return this.#limit;
  }

  /** More of the file may be looked at now. */
  extendTo(limit: number): void {
    this.#limit = limit;
  }

  seek(position: number): void {
    this.#position = position;
  }

  /** Looks at the next frame and, when it is whole and valid, moves behind it. */
  next(): FrameStep {
    const remaining = this.#limit - this.#position;
    if (remaining === 0) return { kind: 'end' };
    if (remaining < frameHeaderLength) return { kind: 'bad', reason: `${remaining} bytes are no frame` };
    const at = this.#position - this.#windowStart;
    if (at < 0 || at + frameHeaderLength > this.#window.length) return { kind: 'more', byteCount: frameHeaderLength };
    const bodyLength = this.#view.getUint32(at + 4, true);
    const length = frameHeaderLength + bodyLength;
    if (bodyLength > frameBodyMax || length > remaining) {
      return { kind: 'bad', reason: `a frame of ${length} bytes, of which ${remaining} are there` };
    }
    if (at + length > this.#window.length) return { kind: 'more', byteCount: length };
    return this.#look(at, length);
  }

  /** Reads the file from the cursor on: at least `byteCount` bytes, when the file has them below the limit. */
  async load(byteCount: number): Promise<void> {
    const wanted = Math.min(this.#limit - this.#position, Math.max(byteCount, this.#loadByteCount));
    const window = Buffer.allocUnsafeSlow(Math.max(0, wanted));
    const length = await readWhole(this.#file, window, this.#position);
    // A file that ends before its limit is cut: the frame that is missing bytes is then found too short.
    if (length < wanted) this.#limit = this.#position + length;
    this.#window = window.subarray(0, length);
    this.#windowStart = this.#position;
    this.#view = new DataView(window.buffer, window.byteOffset, length);
  }

  #look(at: number, length: number): FrameStep {
    const view = this.#view;
    const crc = view.getUint32(at, true);
    const offset = this.#position;
    if (crc32(this.#window.subarray(at + 4, at + length), frameSeed(this.#seed, offset)) !== crc) {
      return { kind: 'bad', reason: "a frame's checksum does not hold" };
    }
    const kind = view.getUint8(at + 8);
    const flags = view.getUint8(at + 9);
    const encoding = view.getUint16(at + 10, true);
    if (!isFrameKind(kind)) return { kind: 'unknown', reason: `a frame of the unknown kind ${kind}` };
    if (flags !== 0) return { kind: 'unknown', reason: `a frame with the unknown flags ${flags}` };
    if (encoding > bodyEncodingMax) return { kind: 'unknown', reason: `a body of the unknown encoding ${encoding}` };
    this.#position += length;
    const frame: Frame = {
      kind,
      encoding,
      xid: view.getUint32(at + 12, true),
      durableEnd: getUint53(view, at + 16),
      offset,
      end: this.#position,
      crc,
      body: this.#window.subarray(at + frameHeaderLength, at + length),
    };
    return { kind: 'frame', frame };
  }
}
