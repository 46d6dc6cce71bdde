import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { nodeDisk } from './node-disk.ts';

describe('the disk of the machine', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'headwater-disk-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('writes many buffers one behind the other, also more than one call takes', async () => {
    const path = join(directory, 'many');
    const file = await nodeDisk.create(path);
    const buffers = Array.from({ length: 2500 }, (_, index) => Buffer.from(`${index},`));
    await file.write([new Uint8Array(0), ...buffers], 3);
    await file.flush();
    assert.equal(await file.size(), 3 + Buffer.concat(buffers).length);
    const target = new Uint8Array(10);
    assert.equal(await file.read(target, 3), 10);
    assert.equal(Buffer.from(target).toString(), '0,1,2,3,4,');
    await file.close();
    await file.close();
    assert.equal((await readFile(path)).subarray(3).toString(), buffers.join(''));
  });

  it('makes files that only their owner may read', async () => {
    const path = join(directory, 'private');
    await (await nodeDisk.create(path)).close();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await nodeDisk.makeDirectory(join(directory, 'a', 'b'));
    assert.equal((await stat(join(directory, 'a', 'b'))).mode & 0o777, 0o700);
  });

  it('never creates over a file that is there', async () => {
    const path = join(directory, 'there');
    await (await nodeDisk.create(path)).close();
    await assert.rejects(nodeDisk.create(path), { code: 'EEXIST' });
  });

  it('opens and lists what is absent as nothing', async () => {
    assert.equal(await nodeDisk.openForReading(join(directory, 'absent')), undefined);
    assert.equal(await nodeDisk.openForWriting(join(directory, 'absent')), undefined);
    assert.deepEqual(await nodeDisk.list(join(directory, 'absent')), []);
    await nodeDisk.remove(join(directory, 'absent'));
  });
});
