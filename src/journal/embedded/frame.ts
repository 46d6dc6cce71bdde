import type { BodyEncoding } from '../../capture/change-recorder.ts';
import { getUint53 } from './uint53.ts';

/** Bytes of a frame before its body. */
export const frameHeaderLength = 24;
/** The largest body of a frame. */
export const frameBodyMax = 0x7fff_ffff;

/** The numbers of the frame kinds (`docs/reference/journal-format-1.md`, "Frame"). */
export const frameKind = {
  fragment: 1,
  commit: 2,
  spooledCommit: 3,
  schema: 4,
  source: 5,
  prepare: 6,
  preparedRollback: 7,
  preparedCommit: 8,
  progress: 9,
  carry: 10,
  drop: 11,
  mark: 12,
  copyProgress: 13,
} as const;

/** The number of a frame kind. */
export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

const frameKindMax = frameKind.copyProgress;

/** The numbers of the body encodings. */
export const bodyEncodingCode = { none: 0, 'pgoutput-copy/1': 1, 'snapshot-rows/1': 2 } as const;
/** The largest one that this release knows. */
export const bodyEncodingMax = 2;

/** The name of a body's encoding; a frame without a body has none to be read by. */
export function bodyEncodingName(code: number): BodyEncoding {
  return code === bodyEncodingCode['snapshot-rows/1'] ? 'snapshot-rows/1' : 'pgoutput-copy/1';
}

/**
 * A frame as it lies in a file, of which the checksum holds. It looks into the window that was read, which stays as it is, and
 * makes objects only of what is asked for: most frames are small, and a view of its own costs more than all of its fields.
 */
export class Frame {
  readonly kind: FrameKind;
  /** Of its first byte in the file. */
  readonly offset: number;
  /** The window, and where the body lies in it. */
  readonly view: DataView<ArrayBuffer>;
  readonly bodyStart: number;

  constructor(kind: FrameKind, offset: number, view: DataView<ArrayBuffer>, at: number) {
    this.kind = kind;
    this.offset = offset;
    this.view = view;
    this.bodyStart = at + frameHeaderLength;
  }

  /** Of the first byte behind it in the file. */
  get end(): number {
    return this.offset + frameHeaderLength + this.bodyLength;
  }

  get crc(): number {
    return this.view.getUint32(this.bodyStart - frameHeaderLength, true);
  }

  get bodyLength(): number {
    return this.view.getUint32(this.bodyStart - frameHeaderLength + 4, true);
  }

  get encoding(): number {
    return this.view.getUint16(this.bodyStart - frameHeaderLength + 10, true);
  }

  get xid(): number {
    return this.view.getUint32(this.bodyStart - frameHeaderLength + 12, true);
  }

  get durableEnd(): number {
    return getUint53(this.view, this.bodyStart - frameHeaderLength + 16);
  }

  /** A view that stays valid. */
  get body(): Uint8Array {
    return this.bodyFrom(0);
  }

  /** The body without its first bytes. */
  bodyFrom(start: number): Uint8Array {
    const { view, bodyStart, bodyLength } = this;
    return new Uint8Array(view.buffer, view.byteOffset + bodyStart + start, bodyLength - start);
  }
}

/** The value that a frame's checksum begins with: it makes the checksum cover file and offset. */
export function frameSeed(headerCrc: number, offset: number): number {
  return (headerCrc ^ offset ^ Math.floor(offset / 0x1_0000_0000)) >>> 0;
}

/** Whether this release knows the kind. */
export function isFrameKind(kind: number): kind is FrameKind {
  return kind >= 1 && kind <= frameKindMax;
}
