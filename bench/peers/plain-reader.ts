/**
 * Reads the files of a journal from beginning to end in pieces as large as the journal's reader takes, and looks at nothing.
 *
 *   node bench/peers/plain-reader.ts DIRECTORY ROWS
 */
import { read } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { journalPaths } from '../../src/journal/embedded/journal-paths.ts';

const [directory = '', rows = '0'] = process.argv.slice(2);
const { segments } = journalPaths(directory);
const room = Buffer.allocUnsafeSlow(1024 * 1024);
const readAsync = promisify(read);

const startedAt = performance.now();
for (const name of (await readdir(segments)).toSorted()) {
  await using file = await open(join(segments, name));
  for (let offset = 0; ;) {
    const { bytesRead } = await readAsync(file.fd, room, 0, room.length, offset);
    if (bytesRead === 0) break;
    offset += bytesRead;
  }
}
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ rows: Number(rows), seconds })}\n`);
