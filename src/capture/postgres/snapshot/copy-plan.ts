import type { Sequence } from '../../../model/position.ts';
import type { CopyProgress, SourceIdentity, UncopiedTable } from '../../../model/source-identity.ts';
import { copyRequestName, isSameCopy } from '../../../model/source-identity.ts';
import { parseQualifiedName } from '../../../postgres/quote.ts';
import type { LaneCopyRequest } from '../../change-source.ts';
import type { CopyTable } from './snapshot-session.ts';

/** Rows that a copy begins with; from then on its chunks are sized by what they take. */
export const firstChunkRows = 10_000;
const chunkRowsMin = 500;
/** The most rows of a chunk. */
export const chunkRowsMax = 200_000;
/** A chunk lies in memory. */
const chunkTargetBytes = 12_582_912;

/** Why a table cannot be copied; it stays listed as uncopied. */
export interface CopyRefusal {
  readonly reason: string;
}

/** How many rows the next chunk asks for, after one of `rowCount` rows. Pure. */
export function planChunkRows(
  asked: number,
  taken: { rowCount: number; byteCount: number; durationMs: number },
  chunkTargetMs: number,
): number {
  if (taken.rowCount === 0) return asked;
  const byTime = asked * (chunkTargetMs / Math.max(1, taken.durationMs));
  const byBytes = chunkTargetBytes / (taken.byteCount / taken.rowCount);
  const wanted = Math.min(byTime, byBytes, asked * 2, chunkRowsMax);
  return Math.max(chunkRowsMin, Math.floor(wanted));
}

/** Rows without a key cannot be walked through: they are read at once, and lie in memory. */
export const keylessRowsMax = 500_000;
const keylessBytesMax = 67_108_864;

/** Whether a table without a key was too large to be read at once. Pure. */
export function refuseKeyless(rows: { rowCount: number; byteCount: number }): CopyRefusal | undefined {
  if (rows.rowCount <= keylessRowsMax && rows.byteCount <= keylessBytesMax) return undefined;
  return { reason: `it has no primary key, and more than ${keylessRowsMax} rows or ${keylessBytesMax} bytes` };
}

/** Whether the rows of a table can be read. Pure. */
export function refuseCopy(table: CopyTable | undefined): CopyRefusal | undefined {
  if (table === undefined) return { reason: 'it is not published any more' };
  if (!table.maySelect) return { reason: 'the role may not read it' };
  if (table.hidesRows) return { reason: 'row-level security may hide rows of it from the role, which lacks BYPASSRLS' };
  return undefined;
}

/** The identity once a table was copied for the lanes that lacked it, with the chunk of that sequence. Pure. */
export function withoutUncopied(identity: SourceIdentity, done: UncopiedTable, sequence: Sequence): SourceIdentity {
  const uncopiedTables = identity.uncopiedTables.filter((table) => !isSameCopy(table, done));
  return { ...identity, uncopiedTables, copiedThrough: String(sequence) };
}

/** The identity with a copy of every published table for one lane; undefined when it was asked for before. Pure. */
export function withLaneCopy(
  identity: SourceIdentity,
  { lane, origin }: LaneCopyRequest,
  leftOut: readonly string[],
): SourceIdentity | undefined {
  const request = copyRequestName(lane, origin);
  if (identity.copiedLanes?.includes(request) === true) return undefined;
  const wanted = identity.tables.filter((name) => !leftOut.includes(name));
  const uncopied = wanted.map((name): UncopiedTable => {
    const { objectName: tableName, schemaName } = parseQualifiedName(name);
    return { schemaName, tableName, rowEstimate: -1, reason: 'lane-added', lanes: [lane] };
  });
  return {
    ...identity,
    uncopiedTables: [...identity.uncopiedTables, ...uncopied],
    copiedLanes: [...(identity.copiedLanes ?? []), request],
  };
}

/** Moved rows that one chunk reads: their values are large. */
const movedRowsPerChunk = 200;
/** Keys that progress may carry. Where more rows were moved, the table is copied from its beginning again. */
export const movedKeysMax = 10_000;
/** And their characters. */
const movedCharactersMax = 1_000_000;

/** The progress of a copy once rows were moved, in a transaction that it has not read. Pure. */
export function withMovedKeys(progress: CopyProgress, keys: readonly (readonly string[])[]): CopyProgress {
  const { movedKeys = [] } = progress;
  // Nothing was read so far, so the whole table still will be.
  if (progress.rowCount === 0 || keys.length === 0) return progress;
  const known = new Set(movedKeys.map((key) => JSON.stringify(key)));
  const added = keys.filter((key) => !known.has(JSON.stringify(key)));
  const all = [...movedKeys, ...added];
  const characterCount = all.reduce((sum, key) => sum + key.join('').length, 0);
  if (all.length > movedKeysMax || characterCount > movedCharactersMax) return beginCopy(progress);
  return { ...progress, movedKeys: all };
}

/** Which moved rows the next chunk reads, and which wait for one behind it. Pure. */
export function splitMovedKeys({ movedKeys = [] }: CopyProgress): {
  readonly now: readonly (readonly string[])[];
  readonly later: readonly (readonly string[])[];
} {
  return { now: movedKeys.slice(0, movedRowsPerChunk), later: movedKeys.slice(movedRowsPerChunk) };
}

/** How far the copy of a table is. Pure. */
export function progressOf(copies: readonly CopyProgress[], table: UncopiedTable): CopyProgress {
  return copies.find((copy) => isSameCopy(copy, table)) ?? beginCopy(table);
}

function beginCopy({
  lanes,
  schemaName,
  tableName,
}: Pick<CopyProgress, 'schemaName' | 'tableName' | 'lanes'>): CopyProgress {
  return { schemaName, tableName, ...(lanes === undefined ? {} : { lanes }), lastKey: [], rowCount: 0 };
}
