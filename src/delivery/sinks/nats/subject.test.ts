import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coversSubject, encodeDottedName, encodeSubjectToken, isPublishSubject, isStreamSubject } from './subject.ts';

const tokens: Readonly<Record<string, string>> = {
  orders: 'orders',
  Order_Lines: 'Order_Lines',
  '': '%',
  '%': '%25',
  'a.b': 'a%2Eb',
  'a b': 'a%20b',
  '*': '%2A',
  '>': '%3E',
  $JS: '%24JS',
  'line\r\nPUB x 0': 'line%0D%0APUB%20x%200',
  größe: 'gr%C3%B6%C3%9Fe',
  日本: '%E6%97%A5%E6%9C%AC',
};

test('a name becomes one token that holds nothing of the protocol', () => {
  for (const [name, token] of Object.entries(tokens)) {
    assert.equal(encodeSubjectToken(name), token);
    assert.ok(isPublishSubject(token), token);
  }
});

test('the dots of a type stay, so that a wildcard finds it', () => {
  assert.equal(encodeDottedName('order.placed'), 'order.placed');
  assert.equal(encodeDottedName('order..*'), 'order.%.%2A');
  assert.equal(encodeDottedName(''), '%');
});

test('two names never meet in one token, and every token can be published to', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(name, name, (left, right) => {
      const token = encodeSubjectToken(left);
      assert.ok(isPublishSubject(token));
      assert.equal(token === encodeSubjectToken(right), left === right);
      assert.equal(decodeURIComponent(token === '%' ? '' : token), left);
    }),
    { numRuns: 2000 },
  );
});

test('what a route returns is a subject that one can publish to, or refused', () => {
  for (const subject of ['orders', 'orders.eu', 'größe.日本', 'a.$b', 'a*.b', 'x'.repeat(1024)]) {
    assert.ok(isPublishSubject(subject), subject);
  }
  for (const subject of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a\tb',
    'a\r\nb',
    '*',
    'a.*',
    'a.>',
    '$JS.API',
    '_INBOX.x',
  ]) {
    assert.ok(!isPublishSubject(subject), JSON.stringify(subject));
  }
  assert.ok(!isPublishSubject('x'.repeat(1025)));
  assert.ok(!isPublishSubject('a\u0000b'));
  assert.ok(!isPublishSubject('\uD800'));
});

test('a stream takes wildcards, and `>` only at the end', () => {
  for (const subject of ['>', 'a.>', 'a.*.b', '*']) assert.ok(isStreamSubject(subject), subject);
  for (const subject of ['', 'a.>.b', 'a b', 'a..b']) assert.ok(!isStreamSubject(subject), subject);
});

const covers: readonly (readonly [filters: readonly string[], subject: string, isCovered: boolean])[] = [
  [['orders.>'], 'orders.change.public', true],
  [['orders.>'], 'orders', false],
  [['orders.*'], 'orders.a', true],
  [['orders.*'], 'orders.a.b', false],
  [['orders.*.b'], 'orders.a.b', true],
  [['orders.*.b'], 'orders.a.c', false],
  [['a', 'b'], 'b', true],
  [['>'], 'a.b', true],
  [[], 'a', false],
];

test('a subject is known to be covered as the server decides it', () => {
  for (const [filters, subject, isCovered] of covers) {
    assert.equal(coversSubject(filters, subject), isCovered, `${filters.join(',')} ${subject}`);
  }
});
