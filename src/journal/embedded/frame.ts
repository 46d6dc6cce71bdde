import type { BodyEncoding } from '../../capture/change-recorder.ts';

/** Bytes of a frame before its body. */
export const frameHeaderLength = 24;
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

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

const frameKindMax = frameKind.mark;

export const bodyEncodingCode = { none: 0, 'pgoutput-copy/1': 1 } as const;
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

export function isFrameKind(kind: number): kind is FrameKind {
  return kind >= 1 && kind <= frameKindMax;
}

/** The name of an encoding number; undefined for one that this release does not know. */
export function bodyEncodingOf(code: number): BodyEncoding | 'none' | undefined {
  switch (code) {
    case bodyEncodingCode.none:
      return 'none';
    case bodyEncodingCode['pgoutput-copy/1']:
      return 'pgoutput-copy/1';
    default:
      return undefined;
  }
}
