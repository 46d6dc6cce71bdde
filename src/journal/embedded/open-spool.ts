import type { BodyFragment } from '../../capture/change-recorder.ts';
import { encodeFileHeader, fileHeaderLength } from './file-header.ts';
import { bodyEncodingCode, frameHeaderLength, frameKind } from './frame.ts';
import { FrameAppender, type GatheredBytes } from './frame-appender.ts';
import type { SpoolReference } from './spool-reference.ts';

/** A fragment that already lies in a segment. */
export interface WrittenFragment {
  readonly subxid: number;
  readonly encoding: BodyFragment['encoding'];
  readonly messageCount: number;
  readonly offset: number;
  readonly bodyByteCount: number;
}

/** What names a spool and makes its checksums its own. */
export interface SpoolIdentity {
  readonly journalId: string;
  readonly epoch: number;
  readonly number: number;
  readonly createdMicros: bigint;
}

/** The body of one open transaction in a file of its own: what is appended, what was aborted, and how long it is. */
export class OpenSpool {
  readonly openName: string;
  readonly number: number;
  readonly headerCrc: number;
  readonly headerBytes: Uint8Array;
  readonly #appender = new FrameAppender();
  readonly #bySubxid = new Map<number, { messageCount: number; bodyByteCount: number }>();
  readonly #aborted = new Set<number>();
  #end = fileHeaderLength;
  #frameCount = 0;

  constructor(openName: string, identity: SpoolIdentity) {
    const header = encodeFileHeader({
      kind: 'spool',
      lineage: 0,
      firstSequence: 0n,
      previousByteCount: 0,
      preambleEnd: fileHeaderLength,
      ...identity,
    });
    this.openName = openName;
    this.number = identity.number;
    this.headerCrc = header.crc;
    this.headerBytes = header.bytes;
  }

  get end(): number {
    return this.#end;
  }

  /** @returns the bytes that go to the file, and where */
  append(subxid: number, fragment: BodyFragment): GatheredBytes & { readonly offset: number } {
    const bodyByteCount = fragment.body.reduce((sum, slice) => sum + slice.length, 0);
    const offset = this.#end;
    this.#appender.append(this.headerCrc, offset, {
      kind: frameKind.fragment,
      encoding: bodyEncodingCode[fragment.encoding],
      xid: subxid,
      durableEnd: 0,
      record: undefined,
      body: fragment.body,
      bodyByteCount,
    });
    this.#count(subxid, fragment.messageCount, bodyByteCount);
    return { ...this.#appender.take(), offset };
  }

  giveBack(bytes: GatheredBytes): void {
    this.#appender.giveBack(bytes.blocks);
  }

  /** Makes room for a fragment that is copied here later. @returns its place */
  reserve({ subxid, messageCount, bodyByteCount }: WrittenFragment): number {
    const offset = this.#end;
    this.#count(subxid, messageCount, bodyByteCount);
    return offset;
  }

  /** What the subtransaction wrote never happened. */
  abort(subxid: number): void {
    this.#aborted.add(subxid);
    this.#bySubxid.delete(subxid);
  }

  toReference(name: string): SpoolReference {
    const kept = [...this.#bySubxid.values()];
    return {
      name,
      byteCount: this.#end,
      headerCrc: this.headerCrc,
      frameCount: this.#frameCount,
      messageCount: kept.reduce((sum, { messageCount }) => sum + messageCount, 0),
      bodyByteCount: kept.reduce((sum, { bodyByteCount }) => sum + bodyByteCount, 0),
      abortedXids: [...this.#aborted],
    };
  }

  #count(subxid: number, messageCount: number, bodyByteCount: number): void {
    this.#end += frameHeaderLength + bodyByteCount;
    this.#frameCount += 1;
    const counts = this.#bySubxid.get(subxid) ?? { messageCount: 0, bodyByteCount: 0 };
    counts.messageCount += messageCount;
    counts.bodyByteCount += bodyByteCount;
    this.#bySubxid.set(subxid, counts);
  }
}
