import { resolve } from 'node:path';
import { HeadwaterError } from '../../../foundation/error.ts';

/** What `fileSink` takes. */
export interface FileSinkOptions {
  /** Where the files are. It must exist: one that is missing may be a volume that is not mounted. */
  readonly directory: string;
  /** What the names of the files begin with: letters, digits, `.`, `_`, `-` and `%`. Default: the name of the lane. */
  readonly name?: string;
  /** A file is finished at the end of the transaction that brings it to so many bytes. Default 67,108,864 (64 MiB). */
  readonly rollBytes?: number;
  /** A file is finished so long after its first line, also when nothing comes any more. Default 3,600,000 ms (one hour). */
  readonly rollAgeMs?: number;
  /** `gzip`: each batch is a gzip member of its own. Default `none`. */
  readonly compression?: FileCompression;
}

/** How files are written. */
export type FileCompression = 'none' | 'gzip';

/** The options with their defaults. */
export interface ResolvedFileOptions {
  readonly directory: string;
  /** Undefined: the name of the lane. */
  readonly name: string | undefined;
  readonly rollBytes: number;
  readonly rollAgeMs: number;
  readonly compression: FileCompression;
}

/** An open file is read as a whole when the lane starts. */
const rollBytesMax = 512 * 1024 * 1024;
/** What a timer takes. */
const rollAgeMsMax = 2_147_483_647;
const namePattern = /^[A-Za-z0-9%_][A-Za-z0-9%._-]{0,99}$/;

/** Checks the options. Pure. @throws HW-FILE-001 naming the option. */
export function resolveFileOptions(options: FileSinkOptions): ResolvedFileOptions {
  const { directory, name, rollBytes = 64 * 1024 * 1024, rollAgeMs = 3_600_000, compression = 'none' } = options;
  // The caller may be JavaScript, and a variable of the environment may not be set.
  if (typeof directory !== 'string' || directory === '') throw invalid('directory', 'is no path');
  if (name !== undefined && !namePattern.test(name))
    throw invalid('name', `cannot begin the name of a file: "${name}"`);
  assertCount('rollBytes', rollBytes, rollBytesMax);
  assertCount('rollAgeMs', rollAgeMs, rollAgeMsMax);
  if (!isCompression(compression)) throw invalid('compression', 'is neither "none" nor "gzip"');
  return { directory: resolve(directory), name, rollBytes, rollAgeMs, compression };
}

function isCompression(value: unknown): value is FileCompression {
  return value === 'none' || value === 'gzip';
}

function assertCount(option: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw invalid(option, `is ${value}, not a whole number from 1 to ${max}`);
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-FILE-001', `the option ${option} of fileSink ${reason}`, { details: { option } });
}
