import type { DiskFile } from '../../foundation/disk.ts';
import { bodyEncodingMax, Frame, frameBodyMax, frameHeaderLength, frameSeed, isFrameKind } from './frame.ts';
import { checksum } from './frame-checksum.ts';
import { isRunValid } from './frame-run-checksum.ts';
import type { ReadRoom } from './read-rooms.ts';
import { readWhole } from './read-whole.ts';

/** Why there is no frame at the cursor. */
export type FrameStop =
  /** `load` this many bytes, then look again. */
  | { readonly kind: 'more'; readonly byteCount: number }
  /** The limit is reached exactly. */
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly reason: string }
  /** The checksum holds, so it was written like this, by a release that knows more. */
  | { readonly kind: 'unknown'; readonly reason: string };

const loadByteCountDefault = 1024 * 1024;
/** Frames are checked together up to this size: whoever takes them finds them in the processor's cache still. */
const runByteCountMax = 128 * 1024;
const endStop: FrameStop = { kind: 'end' };

/** Where a cursor begins and ends. */
export interface FrameCursorOptions {
  readonly file: DiskFile;
  /** CRC of the file's header. */
  readonly seed: number;
  readonly position: number;
  /** Nothing at or behind this offset is looked at. */
  readonly limit: number;
  /** So much is read at once; more when a frame is larger. Default: 1 MiB. */
  readonly loadByteCount?: number | undefined;
  /** Whether the next window may be read before it is asked for; `settle` comes before the file's closing then. */
  readonly readsAhead?: boolean;
  /** Every window is read to the same memory: of a frame nothing is kept beyond the next `load`. Not with `readsAhead`. */
  readonly reusesWindow?: boolean;
  /** Where the first window is read to, if that is large enough. What is kept of its frames holds as long as the loan does. */
  readonly room?: ReadRoom | undefined;
}

/** Bytes of the file as they were read; fewer than were wanted when the file ends before. */
interface Window {
  readonly start: number;
  readonly view: DataView<ArrayBuffer>;
  readonly isCut: boolean;
}

/**
 * Walks over the frames of one file. Reading and looking are apart, so that a whole window of frames is taken without a
 * wait. A window in memory of its own is never written to again: bodies are views into it and may be kept. Whoever goes on behind a window finds
 * the next one read already, or on its way: two windows at most.
 */
export class FrameCursor {
  readonly #file: DiskFile;
  readonly #seed: number;
  readonly #loadByteCount: number;
  readonly #readsAhead: boolean;
  readonly #reusesWindow: boolean;
  #limit: number;
  #position: number;
  #view: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  /** Offset of the window's first byte in the file. */
  #windowStart = 0;
  #loadCount = 0;
  /** Up to this offset of the file the frames were checked together, and whether all their checksums hold. */
  #runEnd = 0;
  #isRunValid = false;
  #room: ReadRoom | undefined;
  #ahead: { readonly start: number; readonly window: Promise<Window> } | undefined;

  constructor(options: FrameCursorOptions) {
    this.#file = options.file;
    this.#seed = options.seed;
    this.#position = options.position;
    this.#limit = options.limit;
    this.#loadByteCount = options.loadByteCount ?? loadByteCountDefault;
    this.#readsAhead = options.readsAhead ?? false;
    this.#reusesWindow = options.reusesWindow ?? false;
    this.#room = options.room;
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

  /** Goes on at another place, where a frame begins. */
  seek(position: number): void {
    this.#position = position;
    this.#runEnd = position;
  }

  /** Takes the frame at the cursor, if it is in the window, whole and valid, and steps behind it. */
  next(): Frame | FrameStop {
    const remaining = this.#limit - this.#position;
    if (remaining === 0) return endStop;
    if (remaining < frameHeaderLength) return { kind: 'bad', reason: `${remaining} bytes are no frame` };
    const at = this.#position - this.#windowStart;
    const view = this.#view;
    if (at < 0 || at + frameHeaderLength > view.byteLength) return { kind: 'more', byteCount: frameHeaderLength };
    const bodyLength = view.getUint32(at + 4, true);
    const length = frameHeaderLength + bodyLength;
    if (bodyLength > frameBodyMax || length > remaining) {
      return { kind: 'bad', reason: `a frame of ${length} bytes, of which ${remaining} are there` };
    }
    if (at + length > view.byteLength) return { kind: 'more', byteCount: length };
    return this.#look(at, length);
  }

  /** Reads the file from the cursor on: at least `byteCount` bytes, when the file has them below the limit. */
  async load(byteCount: number): Promise<void> {
    const needed = Math.min(this.#limit - this.#position, byteCount);
    const ahead = await this.#takeAhead();
    const isUsable = ahead?.start === this.#position && (ahead.isCut || ahead.view.byteLength >= needed);
    const window = isUsable ? ahead : await this.#read(this.#position, Math.max(byteCount, this.#loadByteCount));
    // The frame that is missing bytes is then found too short.
    if (window.isCut) this.#limit = window.start + window.view.byteLength;
    this.#windowStart = window.start;
    this.#view = window.view;
    this.#loadCount += 1;
    this.#runEnd = this.#position;
    // A look at one place only is no reason to read more than was asked for.
    if (this.#readsAhead && this.#loadCount > 1) this.#readAhead();
  }

  /** Resolves when the file is not being read any more, so that it can be closed. */
  async settle(): Promise<void> {
    await this.#takeAhead().catch(() => undefined);
  }

  #takeAhead(): Promise<Window | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.window ?? Promise.resolve(undefined);
  }

  /** Begins to read where the last whole frame of the window ends, going by their lengths: what they hold is checked later. */
  #readAhead(): void {
    const view = this.#view;
    const end = lastEnd(view, 0, view.byteLength);
    const start = this.#windowStart + end;
    const length = lengthAt(view, end);
    // Nothing is gained for a frame that takes a larger window.
    if (end === 0 || start >= this.#limit || (length !== Infinity && length > this.#loadByteCount)) return;
    const window = this.#read(start, this.#loadByteCount);
    window.catch(() => undefined); // Whoever takes the window meets the error.
    this.#ahead = { start, window };
  }

  async #read(start: number, byteCount: number): Promise<Window> {
    const bytes = this.#takeRoom(Math.max(0, Math.min(this.#limit - start, byteCount)));
    const length = await readWhole(this.#file, bytes, start);
    return { start, view: new DataView(bytes.buffer, bytes.byteOffset, length), isCut: length < bytes.length };
  }

  #takeRoom(byteCount: number): Uint8Array<ArrayBuffer> {
    const room = this.#room;
    if (!this.#reusesWindow) this.#room = undefined;
    if (room !== undefined && room.length >= byteCount) return room.subarray(0, byteCount);
    const fresh = new Uint8Array(Buffer.allocUnsafeSlow(byteCount).buffer);
    if (this.#reusesWindow) this.#room = fresh;
    return fresh;
  }

  #look(at: number, length: number): Frame | FrameStop {
    const view = this.#view;
    const offset = this.#position;
    if (offset >= this.#runEnd) this.#checkRun(at, length);
    if (
      !this.#isRunValid &&
      checksum(view, at + 4, length - 4, frameSeed(this.#seed, offset)) !== view.getUint32(at, true)
    ) {
      return { kind: 'bad', reason: "a frame's checksum does not hold" };
    }
    const kind = view.getUint8(at + 8);
    const flags = view.getUint8(at + 9);
    const encoding = view.getUint16(at + 10, true);
    if (!isFrameKind(kind)) return { kind: 'unknown', reason: `a frame of the unknown kind ${kind}` };
    if (flags !== 0) return { kind: 'unknown', reason: `a frame with the unknown flags ${flags}` };
    if (encoding > bodyEncodingMax) return { kind: 'unknown', reason: `a body of the unknown encoding ${encoding}` };
    this.#position += length;
    return new Frame(kind, offset, view, at);
  }

  /** Checks the frames from here on together. Where that fails, or there is one only, each is checked by itself: one is bad. */
  #checkRun(at: number, length: number): void {
    const view = this.#view;
    const end = lastEnd(view, at, Math.min(view.byteLength, at + Math.max(length, runByteCountMax)));
    const offset = this.#position;
    this.#runEnd = offset + end - at;
    this.#isRunValid = end > at + length && isRunValid({ view, start: at, end, offset, seed: this.#seed });
  }
}

/** Where the last of the frames that begin at `start` and lie before `limit` as wholes ends, going by their lengths. */
function lastEnd(view: DataView, start: number, limit: number): number {
  let end = start;
  for (let next = end + lengthAt(view, end); next <= limit; next = end + lengthAt(view, end)) end = next;
  return end;
}

/** Length of the frame at a place of a window, by its header alone; endless when the header is not whole. */
function lengthAt(view: DataView, at: number): number {
  return at + frameHeaderLength > view.byteLength ? Infinity : frameHeaderLength + view.getUint32(at + 4, true);
}
