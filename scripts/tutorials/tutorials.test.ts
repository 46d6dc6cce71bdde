import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { findMissingLine } from './match-output.ts';
import { parseTutorial } from './parse-tutorial.ts';

const fence = '```';

function page(...blocks: readonly (readonly [info: string, text: string])[]): string {
  return blocks.map(([info, text]) => `Words.\n\n${fence}${info}\n${text}\n${fence}\n`).join('\n');
}

describe('a page of a tutorial', () => {
  it('becomes files, commands with what they print, and what the reader does by hand', () => {
    const text = page(
      ['sh by-hand', 'docker run postgres'],
      ['ts title="src/a.ts"', 'export {};'],
      ['sh', 'one \\\n  two\n\nthree'],
      ['text', 'printed'],
      ['sh repeat', 'look'],
      ['text', 'seen'],
    );
    assert.deepEqual(parseTutorial(text), [
      { kind: 'by-hand', line: 3, commands: ['docker run postgres'] },
      { kind: 'file', line: 9, path: 'src/a.ts', content: 'export {};\n' },
      {
        kind: 'shell',
        line: 15,
        commands: ['one \\\n  two', 'three'],
        expected: ['printed'],
        isRepeated: false,
      },
      { kind: 'shell', line: 30, commands: ['look'], expected: ['seen'], isRepeated: true },
    ]);
  });

  it('holds no block that nobody runs', () => {
    for (const block of [
      ['ts', 'let a;'],
      ['json', '{}'],
      ['text', 'out of nowhere'],
      ['sh repeat', 'endless'],
    ] as const) {
      assert.throws(() => parseTutorial(page(block)), RangeError);
    }
    assert.throws(() => parseTutorial(page(['sh', 'a'], ['text', 'b'], ['text', 'c'])), /line 15/);
    assert.throws(() => parseTutorial(`${fence}sh\necho`), /has no end/);
  });
});

describe('what a command prints', () => {
  it('has every expected line, in order', () => {
    assert.equal(findMissingLine(['a', 'c'], 'a\nb\r\nc  \n'), undefined);
    assert.equal(findMissingLine(['c', 'a'], 'a\nb\nc\n'), 'a');
    assert.equal(findMissingLine(['a', 'a'], 'a\nb\n'), 'a');
    assert.equal(findMissingLine(['a.c'], 'abc\n'), 'a.c');
    assert.equal(findMissingLine(['a'], 'aa\n'), 'a');
    assert.equal(findMissingLine([], ''), undefined);
  });

  it('may vary where the page says so, and nowhere else', () => {
    assert.equal(findMissingLine(['… <id> of <count>', '…'], 'order x-1 of 20'), undefined);
    assert.equal(findMissingLine(['lost <count>'], 'lost 0'), 'lost <count>');
    assert.equal(findMissingLine(['id <id>'], 'id a b'), 'id <id>');
  });
});
