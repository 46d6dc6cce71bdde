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
} as const;

/** The number of a frame kind. */
export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

const frameKindMax = frameKind.mark;

/** The numbers of the body encodings. */
export const bodyEncodingCode = { none: 0, 'pgoutput-copy/1': 1 } as const;
/** The largest one that this release knows. */
export const bodyEncodingMax = 1;

/** A frame as it lies in a file. `body` is a view that stays valid. */
export interface Frame {
  readonly kind: FrameKind;
  readonly encoding: number;
  readonly xid: number;
  readonly durableEnd: number;
  /** Of its first byte and behind its last. */
  readonly offset: number;
  readonly end: number;
  readonly crc: number;
  readonly body: Uint8Array;
}

/** The value that a frame's checksum begins with: it makes the checksum cover file and offset. */
export function frameSeed(headerCrc: number, offset: number): number {
  return (headerCrc ^ (offset % 0x1_0000_0000) ^ Math.floor(offset / 0x1_0000_0000)) >>> 0;
}

/** Whether this release knows the kind. */
export function isFrameKind(kind: number): kind is FrameKind {
  return kind >= 1 && kind <= frameKindMax;
}
