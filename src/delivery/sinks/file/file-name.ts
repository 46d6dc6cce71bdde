import type { FileCompression } from './file-options.ts';

/** `new`: begun, without meaning until it is `open`. `open`: the one that grows. `finished`: complete, for readers. */
export type FileStage = 'new' | 'open' | 'finished';

/** What the name of a file says. */
export interface FileName {
  /** Counts the files of a lane from 1. */
  readonly number: number;
  readonly compression: FileCompression;
  readonly stage: FileStage;
}

const numberLength = 12;
const namePattern = /^(\d{12})\.ndjson(\.gz)?(\.open|\.new)?$/;

/** `orders-000000000007.ndjson`, with `.gz` when compressed, and `.open` or `.new` as long as it is not finished. */
export function formatFileName(name: string, { number, compression, stage }: FileName): string {
  const ending = `${compression === 'gzip' ? '.gz' : ''}${stage === 'finished' ? '' : `.${stage}`}`;
  return `${name}-${String(number).padStart(numberLength, '0')}.ndjson${ending}`;
}

/** Undefined for a file of somebody else. */
export function parseFileName(name: string, text: string): FileName | undefined {
  const match = text.startsWith(`${name}-`) ? namePattern.exec(text.slice(name.length + 1)) : null;
  if (match === null) return undefined;
  const stage = match[3] === undefined ? 'finished' : match[3] === '.open' ? 'open' : 'new';
  return { number: Number(match[1]), compression: match[2] === undefined ? 'none' : 'gzip', stage };
}
