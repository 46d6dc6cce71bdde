import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { encodeSnapshotFragment } from '../../src/capture/snapshot-rows.ts';
import { listSegments } from '../../src/journal/embedded/segment-catalog.ts';
import { indexPath, journalPaths } from '../../src/journal/embedded/journal-paths.ts';
import { nodeDisk } from '../../src/foundation/node-disk.ts';
import type { TableSchema } from '../../src/model/table-schema.ts';
import { openBenchJournal } from './filled-journal.ts';

const chunkRows = 50_000;
const table: TableSchema = {
  relationId: 1,
  schemaName: 'public',
  tableName: 'filler',
  replicaIdentity: 'default',
  columns: [
    { name: 'id', typeOid: 20, typeModifier: -1, isKey: true },
    { name: 'note', typeOid: 25, typeModifier: -1, isKey: false },
  ],
};

/**
 * Grows a journal that Headwater made and left to so many bytes, by rows as a snapshot brings them: they move no location of the
 * source, so capture goes on behind them as if they were not there. Then removes the index files of the newest sealed segments.
 */
export async function growJournal(directory: string, byteCount: number, segmentsWithoutIndex: number): Promise<number> {
  const line = Buffer.from(`d    1\t${'x'.repeat(150)}\n`);
  line.writeUInt32BE(line.length - 1, 1);
  const rows = Buffer.concat(Array.from({ length: chunkRows }, () => line));
  const progress = { schemaName: 'public', tableName: 'filler', lastKey: ['1'], rowCount: chunkRows };
  {
    await using journal = await openBenchJournal(directory);
    await using writer = await journal.openWriter();
    for (let written = 0; written < byteCount; written += rows.length) {
      const fragments = [encodeSnapshotFragment({ table }, [rows], chunkRows)];
      writer.appendSnapshotChunk({ fragments, progress, readTimeMicros: 1_800_000_000_000_000n });
      await writer.flush();
    }
    await journal.search.refresh();
  }
  const paths = journalPaths(directory);
  const sealed = (await listSegments(nodeDisk, paths)).slice(0, -1).slice(-segmentsWithoutIndex);
  for (const number of sealed) await rm(join(indexPath(paths, number)), { force: true });
  return sealed.length;
}
