import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { parseRedisUrl } from './redis-address.ts';
import { resolveRedisOptions } from './redis-options.ts';

const url = 'redis://localhost';

/** The option that is refused. */
function refusedOption(options: object): unknown {
  try {
    resolveRedisOptions({ url, ...options });
  } catch (thrown) {
    assert.ok(thrown instanceof HeadwaterError && thrown.code === 'HW-REDIS-001', String(thrown));
    assert.ok(!`${thrown.message}${JSON.stringify(thrown.details)}`.includes('secret'));
    return thrown.details['option'];
  }
  return undefined;
}

test('options of a Redis sink that are not valid are refused by name, and no address is quoted', () => {
  const refused: readonly (readonly [string, object])[] = [
    ['url', { url: undefined }],
    ['url', { url: '' }],
    ['url', { url: 'http://localhost' }],
    ['url', { url: 'redis://user:secret@localhost/name' }],
    ['url', { url: 'redis://user:secret%@localhost' }],
    ['url', { url: 'redis://:secret@localhost?db=1' }],
    ['target', { url: () => url }],
    ['form', { form: 'list' }],
    ['durability', { durability: 'sometimes' }],
    ['recordBytesMax', { recordBytesMax: 0 }],
    ['transactionBytesMax', { transactionBytesMax: 1.5 }],
    ['tombstoneMs', { tombstoneMs: -1 }],
    ['maxLength', { maxLength: 5 }],
    ['maxLength', { form: 'stream', maxLength: 0 }],
    ['stream', { form: 'stream', stream: '' }],
    ['stream', { form: 'hash', stream: 'log' }],
    ['keys', { form: 'stream', keys: {} }],
    ['events', { events: 'latest' }],
    ['events', { events: 'latest:{name}' }],
    ['keys.public.orders', { keys: { 'public.orders': 'order:{id' } }],
    ['keys.public.orders', { keys: { 'public.orders': 'order' } }],
  ];
  for (const [option, options] of refused) assert.equal(refusedOption(options), option, JSON.stringify(options));
});

test('an address of Redis is read with its escapes, its database and its scheme', () => {
  const read = (text: string): unknown => parseRedisUrl(text);
  const nobody = { username: undefined, password: undefined };
  assert.deepEqual(read('redis://h'), { host: 'h', port: 6379, database: 0, isTls: false, ...nobody });
  assert.deepEqual(read('rediss://[::1]:7000/15'), { host: '::1', port: 7000, database: 15, isTls: true, ...nobody });
  const login = { username: 'u', password: 'a:b@c%' };
  assert.deepEqual(read('redis://u:a%3Ab%40c%25@h/'), { host: 'h', port: 6379, database: 0, isTls: false, ...login });
});

test('the target of a Redis sink names no user and no password', () => {
  assert.equal(resolveRedisOptions({ url: 'redis://u:secret@h:7000/3' }).target, 'h:7000/3');
});
