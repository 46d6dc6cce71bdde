import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { CommandDirectory } from './testing/command-directory.ts';

describe('a command that is done', () => {
  let directory: CommandDirectory;
  before(async () => {
    directory = await CommandDirectory.open();
  });
  after(() => directory[Symbol.asyncDispose]());

  it('ends although the configuration left something open, with its code, and says what', async () => {
    await directory.write(
      'headwater.config.ts',
      `import { createServer } from 'node:net';
createServer().listen(0, '127.0.0.1');
export default { source: { url: 'postgres://nobody@127.0.0.1:1/none' } };`,
    );
    const end = await directory.headwater(['events']);
    assert.equal(end.code, 4, end.stderr);
    assert.match(end.stderr, /HW-EVENTS-004/);
    assert.match(end.stderr, /still open: .*TCPServerWrap/);
  });
});
