import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { type ChangedLine, diffLines, readShownCode } from './code-change.ts';

const lines = fc.array(fc.constantFrom('a', 'b', 'c', '}'), { maxLength: 12 });
const only = (sign: ChangedLine['sign'], changes: readonly ChangedLine[]): string[] =>
  changes.filter((change) => change.sign === sign).map(({ text }) => text);

describe('the difference between the two order services', () => {
  it('is one line for each write: publish becomes emit', async () => {
    const { changes, naive } = await readShownCode();
    const calls = changes.filter(({ text }) => !text.startsWith('import '));
    assert.deepEqual(
      only('-', calls).map((text) => text.trim()),
      [
        "await publish(events['order.placed'], order, { key: order.id });",
        "await publish(events['order.paid'], order, { key: order.id });",
      ],
    );
    assert.deepEqual(
      only('+', calls).map((text) => text.trim()),
      [
        "await emit(tx, events['order.placed'], order, { key: order.id });",
        "await emit(tx, events['order.paid'], order, { key: order.id });",
      ],
    );
    assert.equal(changes.length - calls.length, 2, 'and the import');
    assert.ok(naive.length <= 30, 'the naive order service has at most 30 lines');
    assert.ok(
      naive.every((line) => !/sleep|timer|delay|kill/i.test(line)),
      'and waits for nothing on purpose',
    );
  });

  it('is empty for equal files', () => {
    fc.assert(fc.property(lines, (same) => assert.deepEqual(diffLines(same, same), [])));
  });

  it('leaves as many lines in common as there can be, and names all others', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const changes = diffLines(before, after);
        assert.equal(before.length - only('-', changes).length, after.length - only('+', changes).length);
        assert.deepEqual(without(before, only('-', changes)).sort(), without(after, only('+', changes)).sort());
      }),
    );
  });
});

function without(all: readonly string[], removed: readonly string[]): string[] {
  const rest = [...all];
  for (const line of removed) rest.splice(rest.indexOf(line), 1);
  return rest;
}
