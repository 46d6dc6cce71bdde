import { crc32 } from 'node:zlib';

import { type CommitRecord, commitRecordLength, encodeCommitRecord } from './commit-record.ts';
import { frameHeaderLength, frameSeed } from './frame.ts';
import { checksum } from './frame-checksum.ts';
import { type FrameFields, writeFrameHeader } from './frame-encoding.ts';

const blockByteCount = 256 * 1024;
/** Bodies up to this size are copied behind their header: one checksum call and one buffer for many frames. */
const copiedByteCountMax = 4096;
const spareBlocksMax = 16;

interface Block {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
}

/** Bytes that go to a file one behind the other. */
export interface GatheredBytes {
  readonly buffers: readonly Uint8Array[];
  readonly byteCount: number;
  /** To be given back once the buffers are written. */
  readonly blocks: readonly Block[];
}

/** What a frame is made of: fixed fields, then the commit record if it is a commit, then slices as they came. */
export interface AppendedFrame extends Omit<FrameFields, 'body'> {
  readonly record: CommitRecord | undefined;
  readonly body: readonly Uint8Array[];
  /** Length of all slices. */
  readonly bodyByteCount: number;
}

/**
 * Builds frames in pooled blocks, without one allocation per frame. Small bodies are copied, large ones go out as the
 * slices they came in.
 */
export class FrameAppender {
  #block: Block = createBlock();
  #used = 0;
  /** Start of what is in the block and not in `#buffers` yet. */
  #from = 0;
  #buffers: Uint8Array[] = [];
  #byteCount = 0;
  #fullBlocks: Block[] = [];
  readonly #spare: Block[] = [];

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Appends a frame for the place `offset` of the file with this seed. @returns its checksum */
  append(seed: number, offset: number, frame: AppendedFrame): number {
    const { record, body, bodyByteCount } = frame;
    const recordLength = record === undefined ? 0 : commitRecordLength;
    const fixed = frameHeaderLength + recordLength;
    const isCopied = bodyByteCount <= copiedByteCountMax;
    this.#reserve(isCopied ? fixed + bodyByteCount : fixed);
    const { bytes, view } = this.#block;
    const at = this.#used;
    writeFrameHeader(view, at, frame, recordLength + bodyByteCount);
    if (record !== undefined) encodeCommitRecord(view, at + frameHeaderLength, record);
    this.#used += fixed;
    this.#byteCount += fixed + bodyByteCount;
    if (isCopied) {
      for (const slice of body) {
        bytes.set(slice, this.#used);
        this.#used += slice.length;
      }
    }
    let crc = checksum(view, at + 4, this.#used - at - 4, frameSeed(seed, offset));
    if (!isCopied) {
      for (const slice of body) crc = crc32(slice, crc);
      this.#closeRun();
      this.#buffers.push(...body);
    }
    view.setUint32(at, crc, true);
    return crc;
  }

  /** What was gathered since the last call. */
  take(): GatheredBytes {
    this.#closeRun();
    const gathered = { buffers: this.#buffers, byteCount: this.#byteCount, blocks: this.#fullBlocks };
    this.#buffers = [];
    this.#byteCount = 0;
    this.#fullBlocks = [];
    return gathered;
  }

  /** The blocks of bytes that are written may be used again. */
  giveBack(blocks: readonly Block[]): void {
    for (const block of blocks) if (this.#spare.length < spareBlocksMax) this.#spare.push(block);
  }

  #reserve(byteCount: number): void {
    if (this.#used + byteCount <= this.#block.bytes.length) return;
    this.#closeRun();
    this.#fullBlocks.push(this.#block);
    this.#block = this.#spare.pop() ?? createBlock();
    this.#used = 0;
    this.#from = 0;
  }

  #closeRun(): void {
    if (this.#used > this.#from) this.#buffers.push(this.#block.bytes.subarray(this.#from, this.#used));
    this.#from = this.#used;
  }
}

function createBlock(): Block {
  const bytes = Buffer.from(new ArrayBuffer(blockByteCount));
  return { bytes, view: new DataView(bytes.buffer) };
}
