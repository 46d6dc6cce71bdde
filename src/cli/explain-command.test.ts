import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import { compose } from '../guarantees/compose.ts';
import { parseCommandInput } from './command.ts';
import { explainCommand } from './commands/explain.ts';
import { plainStyle } from './terminal.ts';

async function run(...words: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const terminal = {
    out: (line: string) => void lines.push(line),
    note: () => undefined,
    progress: () => undefined,
    style: plainStyle,
    environment: {},
  };
  const input = parseCommandInput(explainCommand, words, { terminal, signal: new AbortController().signal });
  assert.equal(await explainCommand.run(input), 0);
  return lines.join('\n');
}

describe('headwater explain', () => {
  it('says of a whole flow how often its end happens, by which mechanism, and what may repeat it', async () => {
    assert.match(
      await run('emit', 'kafka', 'inbox'),
      /^emit-message → capture → journal → kafka → consumers → inbox\n\nthe event: effectively once at message → database of the consumer, by the receipt in that transaction/,
    );
    assert.match(
      await run('emit', 'kafka', 'inbox', 'plain-call'),
      /the event: at least once at inbox → another system, without a key; plain-call may repeat it/,
    );
  });

  it('gives a flow as JSON with the fields of its statement', async () => {
    assert.deepEqual(JSON.parse(await run('emit', 'kafka', 'inbox', '--json')), compose(['emit', 'kafka', 'inbox']));
  });

  it('refuses a flow whose parts do not follow one another', async () => {
    await assert.rejects(
      run('emit', 'inbox'),
      (error: unknown) => error instanceof HeadwaterError && error.code === 'HW-COMPOSE-002',
    );
  });

  it('still says of one name what that part promises, and of a code what it means', async () => {
    assert.match(await run('kafka'), /^kafka: .*\n\nResolution: /);
    assert.match(await run('hw-guard-001'), /^HW-GUARD-001 {2}network I\/O inside an open transaction\n/);
  });
});
