import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { SourceCheck } from '../capture/source-check.ts';
import { systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { silentLogger } from '../foundation/logger.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { systemRandom } from '../foundation/random.ts';
import { openJournal, type OpenedJournal } from '../journal/embedded/open-journal.ts';
import { journalPaths, segmentPath } from '../journal/embedded/journal-paths.ts';
import { resolveConfig } from './config.ts';
import { inspectConfiguredJournal } from './inspect-configured-journal.ts';
import { type JournalFacts, planJournalChecks } from './plan-journal-checks.ts';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'headwater-doctor-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

async function inspect(directory: string): Promise<Readonly<Record<string, SourceCheck>>> {
  const config = resolveConfig({
    source: { url: 'postgres://localhost/shop' },
    journal: { directory, segmentBytes: 1_048_576, maxBytes: 16_777_216 },
  });
  const checks = await inspectConfiguredJournal(config);
  for (const { result, fix } of checks) assert.equal(fix === undefined, result === 'ok', 'what is wrong has its fix');
  return Object.fromEntries(checks.map((check) => [check.id, check]));
}

async function makeJournal(directory: string): Promise<OpenedJournal> {
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger, disk: nodeDisk };
  return openJournal({ ...parts, directory });
}

const facts: JournalFacts = {
  directory: '/j',
  maxBytes: 1000,
  segmentBytes: 100,
  place: { kind: 'directory', isWritable: true, mode: 0o700, freeByteCount: 5000 },
  holder: { kind: 'nobody' },
  content: { first: 1n, last: 9n, byteCount: 400 },
};

function resultOf(id: string, change: Partial<JournalFacts>): string | undefined {
  return planJournalChecks({ ...facts, ...change }).find((check) => check.id === id)?.result;
}

describe('the doctor of a journal', () => {
  it('finds nothing wrong with a directory that the first start makes, and makes none', async () => {
    const directory = join(scratch, 'new', 'journal');
    assert.equal((await inspect(directory))['journal.directory']?.result, 'ok');
    assert.deepEqual(await nodeDisk.list(join(scratch, 'new')), []);
  });

  it('names the holder while it runs', async () => {
    const directory = join(scratch, 'journal');
    await using journal = await makeJournal(directory);
    const checks = await inspect(directory);
    assert.deepEqual(Object.keys(checks), [
      'journal.directory',
      'journal.rights',
      'journal.space',
      'journal.holder',
      'journal.content',
    ]);
    assert.ok(Object.values(checks).every(({ result }) => result === 'ok'));
    assert.match(checks['journal.holder']?.why ?? '', new RegExp(`process ${process.pid} `));
    assert.match(checks['journal.content']?.why ?? '', /last sequence 0/);
    assert.equal(journal.reader.durableEnd.sequence, 0n);
  });

  it('reports rights for others, a file in the place of the directory, and damaged segments, each with its fix', async () => {
    const directory = join(scratch, 'journal');
    await (await makeJournal(directory))[Symbol.asyncDispose]();
    await chmod(directory, 0o755);
    assert.equal((await inspect(directory))['journal.rights']?.fix, `chmod 0700 ${directory}`);
    await writeFile(segmentPath(journalPaths(directory), 1), 'no segment');
    const { result, why } = (await inspect(directory))['journal.content'] ?? {};
    assert.equal(result, 'failed');
    assert.match(why ?? '', /^HW-JOURNAL-00[56]/);
    await writeFile(join(scratch, 'file'), '');
    assert.equal((await inspect(join(scratch, 'file')))['journal.directory']?.result, 'failed');
  });

  it('judges space, holder and content by what was found', () => {
    const space = (freeByteCount: number): Partial<JournalFacts> => ({ place: { ...facts.place, freeByteCount } });
    assert.equal(resultOf('journal.space', space(600)), 'ok');
    assert.equal(resultOf('journal.space', space(599)), 'warning');
    assert.equal(resultOf('journal.space', space(99)), 'failed');
    assert.equal(resultOf('journal.holder', { holder: { kind: 'stopped', who: 'process 1' } }), 'failed');
    assert.equal(resultOf('journal.holder', { holder: { kind: 'elsewhere', who: 'process 1' } }), 'warning');
    assert.equal(resultOf('journal.content', { content: new HeadwaterError('HW-JOURNAL-017', 'gone') }), 'failed');
    assert.equal(resultOf('journal.content', { content: undefined }), 'ok');
    const readOnly = { ...facts.place, isWritable: false };
    assert.equal(resultOf('journal.directory', { place: readOnly }), 'failed');
    assert.equal(resultOf('journal.directory', { place: { ...readOnly, kind: 'absent' } }), 'failed');
  });
});
