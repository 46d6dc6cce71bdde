import { crc32 } from 'node:zlib';

import { type FrameKind, frameHeaderLength, frameSeed } from './frame.ts';
import { setUint53 } from './uint53.ts';

/** A frame before it has a place. */
export interface FrameFields {
  readonly kind: FrameKind;
  readonly encoding: number;
  readonly xid: number;
  readonly durableEnd: number;
  readonly body: Uint8Array;
}

/** A frame as it goes to a file. */
export interface EncodedFrame {
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** Writes all of a frame header but its checksum. */
export function writeFrameHeader(
  view: DataView,
  at: number,
  fields: Omit<FrameFields, 'body'>,
  bodyLength: number,
): void {
  view.setUint32(at + 4, bodyLength, true);
  view.setUint8(at + 8, fields.kind);
  view.setUint8(at + 9, 0);
  view.setUint16(at + 10, fields.encoding, true);
  view.setUint32(at + 12, fields.xid, true);
  setUint53(view, at + 16, fields.durableEnd);
}

/** A whole frame in one buffer, for the kinds that are rare and small. */
export function encodeFrame(headerCrc: number, offset: number, fields: FrameFields): EncodedFrame {
  const bytes = new Uint8Array(frameHeaderLength + fields.body.length);
  const view = new DataView(bytes.buffer);
  writeFrameHeader(view, 0, fields, fields.body.length);
  bytes.set(fields.body, frameHeaderLength);
  const crc = crc32(bytes.subarray(4), frameSeed(headerCrc, offset));
  view.setUint32(0, crc, true);
  return { bytes, crc };
}
