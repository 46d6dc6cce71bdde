import { crc32 } from 'node:zlib';

import { corruptBytes, unknownFormat } from './corruption.ts';

/** Length of the header that segments and spools begin with. */
export const fileHeaderLength = 96;
const formatVersion = 1;
const magics = { segment: 'HWJOURN1', spool: 'HWSPOOL1' } as const;

/** What the first bytes of a segment or spool say (`docs/reference/journal-format-1.md`, "File header"). */
export interface FileHeader {
  readonly kind: 'segment' | 'spool';
  /** CRC of the last frame of the segment before. */
  readonly lineage: number;
  readonly journalId: string;
  /** Of the segment; of a spool within its epoch. */
  readonly number: number;
  readonly firstSequence: bigint;
  readonly createdMicros: bigint;
  readonly previousByteCount: number;
  /** Offset behind the frames that were durable when the file got its name. */
  readonly preambleEnd: number;
  readonly epoch: number;
}

/** Header bytes and their checksum, which seeds the checksums of the file's frames. */
export interface EncodedFileHeader {
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** The bytes that a file begins with. */
export function encodeFileHeader(header: FileHeader): EncodedFileHeader {
  const bytes = Buffer.alloc(fileHeaderLength);
  bytes.write(magics[header.kind], 0, 'latin1');
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt32LE(header.lineage, 12);
  bytes.write(header.journalId.replaceAll('-', ''), 16, 'hex');
  bytes.writeBigUInt64LE(BigInt(header.number), 32);
  bytes.writeBigUInt64LE(header.firstSequence, 40);
  bytes.writeBigUInt64LE(header.createdMicros, 48);
  bytes.writeBigUInt64LE(BigInt(header.previousByteCount), 56);
  bytes.writeBigUInt64LE(BigInt(header.preambleEnd), 64);
  bytes.writeBigUInt64LE(BigInt(header.epoch), 72);
  const crc = crc32(bytes.subarray(0, 92));
  bytes.writeUInt32LE(crc, 92);
  return { bytes, crc };
}

/** What a file's first bytes must say to be the expected file. */
export interface ExpectedFile {
  readonly path: string;
  readonly kind: FileHeader['kind'];
  readonly journalId: string | undefined;
  readonly number: number | undefined;
}

/** Reads and checks a header. @throws HW-JOURNAL-005 for bytes that are none, HW-JOURNAL-006 for a newer version or flag */
export function decodeFileHeader(source: Uint8Array, expected: ExpectedFile): FileHeader & { readonly crc: number } {
  const { path, kind } = expected;
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length);
  if (bytes.length < fileHeaderLength) throw corruptBytes(path, bytes.length, 'the file ends inside its header');
  if (bytes.toString('latin1', 0, 8) !== magics[kind]) throw corruptBytes(path, 0, `this is no ${kind} file`);
  const crc = bytes.readUInt32LE(92);
  const isIntact = crc === crc32(bytes.subarray(0, 92));
  const version = bytes.readUInt16LE(8);
  if (isIntact && version !== formatVersion)
    throw unknownFormat(path, 8, `format version ${version}; this release knows 1`);
  if (isIntact && bytes.readUInt16LE(10) !== 0)
    throw unknownFormat(path, 10, 'the header has a flag of a newer release');
  if (!isIntact) throw corruptBytes(path, 0, "the header's checksum does not hold");
  const header = {
    kind,
    lineage: bytes.readUInt32LE(12),
    journalId: formatUuid(bytes.toString('hex', 16, 32)),
    number: Number(bytes.readBigUInt64LE(32)),
    firstSequence: bytes.readBigUInt64LE(40),
    createdMicros: bytes.readBigUInt64LE(48),
    previousByteCount: Number(bytes.readBigUInt64LE(56)),
    preambleEnd: Number(bytes.readBigUInt64LE(64)),
    epoch: Number(bytes.readBigUInt64LE(72)),
    crc,
  };
  if (expected.journalId !== undefined && header.journalId !== expected.journalId) {
    throw corruptBytes(path, 16, `the file belongs to journal ${header.journalId}, not ${expected.journalId}`);
  }
  if (expected.number !== undefined && header.number !== expected.number) {
    throw corruptBytes(path, 32, `the file is number ${header.number}, its name says ${expected.number}`);
  }
  return header;
}

function formatUuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
