import { crc32 } from 'node:zlib';

import type { Disk, DiskFile } from '../../foundation/disk.ts';
import { EventFilter } from './event-filter.ts';
import type { IndexCollector } from './index-collector.ts';
import type { IndexPlace } from './known-places.ts';
import type { KnownPlaces, PlaceList } from './known-places.ts';
import type { ReadRoom } from './read-rooms.ts';
import { readWhole } from './read-whole.ts';
import { setUint53 } from './uint53.ts';

const magic = 'HWINDEX1';
const formatVersion = 1;
const headerLength = 96;
const sectionLength = 24;
const placeLength = 24;
const loadByteCount = 4 * 1024 * 1024;

/** The numbers of the sections (`docs/reference/journal-format-1.md`, "Index"). */
const sectionKind = { places: 1, context: 2, xids: 3, eventIds: 4, keys: 5, filter: 6 } as const;
const sectionKinds = Object.values(sectionKind);

/** The tables of an index that are looked up by hash. */
export type IndexTable = 'xids' | 'eventIds' | 'keys';

/** What an index must be of. */
export interface IndexedSegment {
  readonly journalId: string;
  readonly number: number;
  readonly byteCount: number;
  readonly lastCrc: number;
  readonly firstSequence: bigint;
}

interface Section {
  readonly offset: number;
  readonly length: number;
}

/** The bytes of the index of one segment. */
export function encodeIndex(segment: IndexedSegment, collector: IndexCollector, hasTerms: boolean): readonly Buffer[] {
  const filter = EventFilter.forTerms(collector.filterHashes.length);
  for (const [index, blockHash] of collector.filterHashes.entries()) {
    filter.add(collector.eventIds.hashAt(index), blockHash);
  }
  const contents = [
    encodePlaces(collector.places),
    encodeOffsets(collector.contextOffsets),
    ...[collector.xids, collector.eventIds, collector.keys].map((list) => bytesOf(list.toSorted())),
    Buffer.from(filter.bytes.buffer),
  ];
  const table = Buffer.alloc(sectionLength * contents.length);
  let offset = headerLength + table.length;
  for (const [index, content] of contents.entries()) {
    table.writeUInt32LE(sectionKinds[index] ?? 0, sectionLength * index);
    table.writeBigUInt64LE(BigInt(offset), sectionLength * index + 8);
    table.writeBigUInt64LE(BigInt(content.length), sectionLength * index + 16);
    offset += content.length;
  }
  const bodyCrc = [table, ...contents].reduce((crc, part) => crc32(part, crc), 0);
  return [encodeHeader({ segment, collector, hasTerms, bodyCrc, sectionCount: contents.length }), table, ...contents];
}

interface HeaderFields {
  readonly segment: IndexedSegment;
  readonly collector: IndexCollector;
  readonly hasTerms: boolean;
  readonly bodyCrc: number;
  readonly sectionCount: number;
}

function encodeHeader({ segment, collector, hasTerms, bodyCrc, sectionCount }: HeaderFields): Buffer {
  const bytes = Buffer.alloc(headerLength);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt16LE(hasTerms ? 1 : 0, 10);
  bytes.writeUInt32LE(segment.lastCrc, 12);
  bytes.write(segment.journalId.replaceAll('-', ''), 16, 'hex');
  bytes.writeBigUInt64LE(BigInt(segment.number), 32);
  bytes.writeBigUInt64LE(BigInt(segment.byteCount), 40);
  bytes.writeBigUInt64LE(segment.firstSequence, 48);
  bytes.writeBigUInt64LE(collector.lastSequence, 56);
  const isEmpty = collector.lastSequence < segment.firstSequence;
  bytes.writeBigInt64LE(isEmpty ? 0n : collector.greatestMicros, 72);
  bytes.writeUInt32LE(sectionCount, 80);
  bytes.writeUInt32LE(bodyCrc, 84);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
  return bytes;
}

function encodePlaces(places: readonly IndexPlace[]): Buffer {
  const bytes = Buffer.alloc(placeLength * places.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const [index, { sequence, greatestMicros, offset }] of places.entries()) {
    view.setBigUint64(placeLength * index, sequence, true);
    view.setBigInt64(placeLength * index + 8, greatestMicros, true);
    setUint53(view, placeLength * index + 16, offset);
  }
  return bytes;
}

function encodeOffsets(offsets: readonly number[]): Buffer {
  return bytesOf(BigUint64Array.from(offsets, BigInt));
}

/** All machines that Node runs on are little-endian. */
function bytesOf(entries: BigUint64Array): Buffer {
  return Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
}

/** The index of a sealed segment: places and filter in memory, tables looked up in the file. */
export class SegmentIndex implements KnownPlaces, AsyncDisposable {
  readonly hasTerms: boolean;
  readonly byteCount: number;
  readonly firstSequence: bigint;
  readonly lastSequence: bigint;
  readonly greatestMicros: bigint;
  readonly places: PlaceList;
  readonly contextOffsets: readonly number[];
  readonly #file: DiskFile;
  readonly #tables: Readonly<Record<IndexTable, Section>>;
  readonly #filter: EventFilter;

  private constructor(file: DiskFile, bytes: Buffer) {
    const section = (kind: number): Section => {
      const at = headerLength + sectionLength * (kind - 1);
      return { offset: Number(bytes.readBigUInt64LE(at + 8)), length: Number(bytes.readBigUInt64LE(at + 16)) };
    };
    const contentOf = ({ offset, length }: Section): Buffer => bytes.subarray(offset, offset + length);
    this.#file = file;
    this.hasTerms = (bytes.readUInt16LE(10) & 1) === 1;
    this.byteCount = Number(bytes.readBigUInt64LE(40));
    this.firstSequence = bytes.readBigUInt64LE(48);
    this.lastSequence = bytes.readBigUInt64LE(56);
    this.greatestMicros = bytes.readBigInt64LE(72);
    // Copies, so that the rest of the file does not stay in memory with them.
    this.places = new StoredPlaces(Buffer.from(contentOf(section(sectionKind.places))));
    const context = contentOf(section(sectionKind.context));
    this.contextOffsets = Array.from({ length: context.length / 8 }, (_, index) =>
      Number(context.readBigUInt64LE(8 * index)),
    );
    this.#tables = {
      xids: section(sectionKind.xids),
      eventIds: section(sectionKind.eventIds),
      keys: section(sectionKind.keys),
    };
    this.#filter = new EventFilter(Uint8Array.from(contentOf(section(sectionKind.filter))));
  }

  /** Undefined for a file that is missing, damaged, or the index of something else: it is made again then. */
  static async open(disk: Disk, path: string, segment: IndexedSegment): Promise<SegmentIndex | undefined> {
    const file = await disk.openForReading(path);
    if (file === undefined) return undefined;
    const bytes = await readAll(file);
    if (isIndexOf(bytes, segment)) return new SegmentIndex(file, bytes);
    await file.close();
    return undefined;
  }

  /** Whether the segment may hold the event; a no is certain. */
  mayHoldEvent(hash: number, blockHash: number): boolean {
    return this.#filter.mayHold(hash, blockHash);
  }

  /** Sequences of the transactions that a hash leads to, ascending. Pages are read into the room. */
  async find(table: IndexTable, hash: number, room: ReadRoom): Promise<readonly bigint[]> {
    const section = this.#tables[table];
    const count = section.length / entryLength;
    let low = 0;
    let high = count;
    // Hashes lie evenly, so the place is guessed; the page around the guess nearly always holds it.
    let guess = Math.floor((hash / 0x1_0000_0000) * count);
    while (high - low > pageEntries) {
      const start = Math.min(Math.max(low, guess - pageEntries / 2), high - pageEntries);
      const page = await this.#readEntries(section, { start, count: pageEntries, room });
      if (hashAt(page, 0) >= hash && start > low) high = start + 1;
      else if (hashAt(page, pageEntries - 1) < hash) low = start + pageEntries;
      else return await this.#collect(section, { start, page, hash, room });
      guess = (low + high) >> 1;
    }
    const page = await this.#readEntries(section, { start: low, count: Math.min(pageEntries, count - low), room });
    return await this.#collect(section, { start: low, page, hash, room });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** Entries of one hash from a page on, over as many pages as they fill. */
  async #collect(
    section: Section,
    first: { readonly start: number; readonly page: Uint32Array; readonly hash: number; readonly room: ReadRoom },
  ): Promise<readonly bigint[]> {
    const { hash, room } = first;
    const found: bigint[] = [];
    const count = section.length / entryLength;
    let { start, page } = first;
    for (;;) {
      const pageCount = page.length / 2;
      let index = firstWithHash(page, hash);
      for (; index < pageCount && hashAt(page, index) === hash; index += 1) {
        found.push(this.firstSequence + BigInt(page[2 * index] ?? 0));
      }
      start += pageCount;
      if (index < pageCount || start >= count) return found;
      page = await this.#readEntries(section, { start, count: Math.min(pageEntries, count - start), room });
    }
  }

  /** Entries as pairs: the low half is the sequence, counted from the segment's first; the high half is the hash. */
  async #readEntries(
    section: Section,
    { start, count, room }: { readonly start: number; readonly count: number; readonly room: ReadRoom },
  ): Promise<Uint32Array> {
    await readWhole(this.#file, room.subarray(0, entryLength * count), section.offset + entryLength * start);
    return new Uint32Array(room.buffer, 0, 2 * count);
  }
}

const entryLength = 8;
const pageEntries = 2048;

function hashAt(page: Uint32Array, index: number): number {
  return page[2 * index + 1] ?? 0;
}

/** The first entry of a page whose hash is not below the given one. */
function firstWithHash(page: Uint32Array, hash: number): number {
  let low = 0;
  let high = page.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hashAt(page, middle) < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readAll(file: DiskFile): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(await file.size());
  for (let at = 0; at < bytes.length; at += loadByteCount)
    await readWhole(file, bytes.subarray(at, at + loadByteCount), at);
  return bytes;
}

function isIndexOf(bytes: Buffer, segment: IndexedSegment): boolean {
  return (
    bytes.length >= headerLength + sectionLength * sectionKinds.length &&
    bytes.readUInt32LE(92) === crc32(bytes.subarray(0, 92)) &&
    bytes.readUInt32LE(84) === crc32(bytes.subarray(headerLength)) &&
    bytes.toString('latin1', 0, 8) === magic &&
    bytes.readUInt16LE(8) === formatVersion &&
    bytes.readUInt32LE(12) === segment.lastCrc &&
    bytes.toString('hex', 16, 32) === segment.journalId.replaceAll('-', '') &&
    bytes.readBigUInt64LE(32) === BigInt(segment.number) &&
    bytes.readBigUInt64LE(40) === BigInt(segment.byteCount) &&
    bytes.readUInt32LE(80) === sectionKinds.length
  );
}

/** Places as they lie in the file: thousands of them, of which a look-up compares a dozen. */
class StoredPlaces implements PlaceList {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length / placeLength;
  }

  at(index: number): IndexPlace | undefined {
    if (index < 0 || index >= this.length) return undefined;
    const start = placeLength * index;
    return {
      sequence: this.#bytes.readBigUInt64LE(start),
      greatestMicros: this.#bytes.readBigInt64LE(start + 8),
      offset: Number(this.#bytes.readBigUInt64LE(start + 16)),
    };
  }
}
