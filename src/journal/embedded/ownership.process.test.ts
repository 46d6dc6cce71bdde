import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { systemClock } from '../../foundation/clock.ts';
import { nodeDisk } from '../../foundation/node-disk.ts';
import { sequenceZero, toSequence } from '../../model/position.ts';
import { readProcessIdentity } from '../../postgres/process-identity.ts';
import { EntryCollector, readTexts } from '../testing/journal-writes.ts';
import { journalPaths } from './journal-paths.ts';
import { openJournalReader } from './open-journal-reader.ts';
import { nodeGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { OwnerProcess } from './testing/owner-process.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headwater-owner-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('the owner of a journal', () => {
  it('keeps a second process out, and both learn it by name', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    await using second = new OwnerProcess();
    const answer = await second.ask({ kind: 'open', directory });
    assert.ok(answer.kind === 'refused' && answer.code === 'HW-JOURNAL-001');
    assert.match(answer.message, new RegExp(`process ${owner.pid} `));
    await owner.tell({ kind: 'append', number: 1 });
    assert.deepEqual(await owner.tell({ kind: 'read' }), ['t1;']);
  });

  it('is refused a second time in its own process', async () => {
    const engine = await openEmbeddedEngine(nodeGround(directory));
    await assert.rejects(openEmbeddedEngine(nodeGround(directory)), { code: 'HW-JOURNAL-001' });
    await engine.close();
    await (await openEmbeddedEngine(nodeGround(directory))).close();
  });

  it('needs no clean-up after a kill -9', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    await owner.tell({ kind: 'append', number: 1 });
    await owner.kill();
    await using next = new OwnerProcess();
    await next.tell({ kind: 'open', directory });
    await next.tell({ kind: 'append', number: 2 });
    assert.deepEqual(await next.tell({ kind: 'read' }), ['t1;', 't2;']);
  });

  it('is not taken for alive because another program has its process id now', async () => {
    const { holder } = journalPaths(directory);
    await (await openEmbeddedEngine(nodeGround(directory))).close();
    const written: object = JSON.parse(await readFile(holder, 'utf8'));
    // This very process runs under the recorded id, and is not the one that wrote it.
    await writeFile(holder, JSON.stringify({ ...written, pid: process.pid, started: 'another time' }));
    await using next = new OwnerProcess();
    await next.tell({ kind: 'open', directory });
    await next.tell({ kind: 'append', number: 1 });
  });

  it('is named as unknown when the lock is held and its recorded process id belongs to another program', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    const { holder } = journalPaths(directory);
    const written: object = JSON.parse(await readFile(holder, 'utf8'));
    await writeFile(holder, JSON.stringify({ ...written, pid: process.pid, started: 'another time' }));
    await using second = new OwnerProcess();
    const answer = await second.ask({ kind: 'open', directory });
    assert.equal(answer.kind === 'refused' && answer.code, 'HW-JOURNAL-002');
  });

  it('keeps the journal while it is stopped, is named as stopped, and goes on when it is resumed', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    await owner.tell({ kind: 'append', number: 1 });
    await owner.freeze();
    await using second = new OwnerProcess();
    const answer = await second.ask({ kind: 'open', directory });
    assert.equal(answer.kind === 'refused' && answer.code, 'HW-JOURNAL-003');
    owner.thaw();
    await owner.tell({ kind: 'append', number: 2 });
    assert.deepEqual(await owner.tell({ kind: 'read' }), ['t1;', 't2;']);
  });

  it('is stopped by name after a resume when the lock file was replaced under it and another took over', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    await owner.tell({ kind: 'append', number: 1 });
    await owner.freeze();
    const { state } = journalPaths(directory);
    for (const suffix of ['', '-wal']) {
      await copyFile(state + suffix, `${state}-copy${suffix}`);
      await rename(`${state}-copy${suffix}`, state + suffix);
    }
    await using usurper = new OwnerProcess();
    await usurper.tell({ kind: 'open', directory });
    await usurper.tell({ kind: 'append', number: 2 });
    const frozenMs = systemClock.monotonicMs();
    // The owner's last look is older than its interval when it is resumed.
    while (systemClock.monotonicMs() - frozenMs < 300) await readProcessIdentity(process.pid);
    owner.thaw();
    const answer = await owner.ask({ kind: 'append', number: 3 });
    assert.equal(answer.kind === 'refused' && answer.code, 'HW-JOURNAL-004');
    await usurper.tell({ kind: 'append', number: 4 });
    assert.deepEqual(await usurper.tell({ kind: 'read' }), ['t1;', 't2;', 't4;']);
  });

  it('refuses a directory whose state or whose segments are gone', async () => {
    await (await openEmbeddedEngine(nodeGround(directory))).close();
    const paths = journalPaths(directory);
    await rename(paths.state, `${paths.state}-away`);
    await assert.rejects(openEmbeddedEngine(nodeGround(directory)), { code: 'HW-JOURNAL-012' });
    await rm(paths.state);
    await rename(`${paths.state}-away`, paths.state);
    await rm(paths.segments, { recursive: true });
    await assert.rejects(openEmbeddedEngine(nodeGround(directory)), { code: 'HW-JOURNAL-012' });
  });

  it('lets nobody else of this machine read its files', async () => {
    const own = join(directory, 'own');
    const engine = await openEmbeddedEngine(nodeGround(own));
    const paths = journalPaths(own);
    for (const path of [paths.directory, paths.segments, paths.spool])
      assert.equal((await stat(path)).mode & 0o777, 0o700, path);
    for (const path of [paths.state, paths.holder, paths.socket])
      assert.equal((await stat(path)).mode & 0o777, 0o600, path);
    await engine.close();
  });
});

describe('a reader in another process', () => {
  it('is woken by the owner, and outlives its restart', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    await owner.tell({ kind: 'append', number: 1 });
    await using reader = await openJournalReader({ directory, disk: nodeDisk, clock: systemClock });
    assert.equal(reader.presence, 'writing');
    const collector = new EntryCollector();
    const following = (async () => {
      for await (const entries of reader.read({ after: sequenceZero, follow: true })) {
        collector.take(entries);
        if (collector.transactions.length === 4) return;
      }
    })();
    await owner.tell({ kind: 'append', number: 2 });
    await reader.waitBehind(toSequence(1n));
    await owner.kill();
    await using next = new OwnerProcess();
    await next.tell({ kind: 'open', directory });
    await next.tell({ kind: 'append', number: 3 });
    await next.tell({ kind: 'append', number: 4 });
    await following;
    assert.deepEqual(
      collector.transactions.map(({ text }) => text),
      ['t1;', 't2;', 't3;', 't4;'],
    );
    assert.equal(reader.presence, 'writing');
  });

  it('reads to the durable end without an owner, and says that nothing is writing', async () => {
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory });
    for (const number of [1, 2, 3]) await owner.tell({ kind: 'append', number });
    await owner.kill();
    await using reader = await openJournalReader({ directory, disk: nodeDisk, clock: systemClock });
    assert.equal(reader.presence, 'nothing-is-writing');
    assert.equal(reader.durableEnd.sequence, 3n);
    assert.deepEqual(await readTexts(reader), ['t1;', 't2;', 't3;']);
  });

  it('finds the owner of a journal whose path is too long for a socket', async () => {
    const long = join(directory, 'a'.repeat(120));
    await using owner = new OwnerProcess();
    await owner.tell({ kind: 'open', directory: long });
    await owner.tell({ kind: 'append', number: 1 });
    await using reader = await openJournalReader({ directory: long, disk: nodeDisk, clock: systemClock });
    assert.equal(reader.presence, 'writing');
    assert.deepEqual(await readTexts(reader), ['t1;']);
    await owner.tell({ kind: 'close' });
  });

  it('refuses a directory without a journal', async () => {
    await assert.rejects(openJournalReader({ directory, disk: nodeDisk, clock: systemClock }), {
      code: 'HW-JOURNAL-017',
    });
  });
});
