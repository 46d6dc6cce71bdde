import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HeadwaterError } from '../../../foundation/error.ts';
import { handlerSink } from './handler-sink.ts';

/** Configuration files are not type-checked when they run: what the compiler would refuse arrives all the same. */
const create = handlerSink as unknown as (options: object) => unknown;

test('a handler without its function, or with two, is refused instead of acknowledging what nobody saw', () => {
  const none = (): undefined => undefined;
  for (const options of [
    { name: 'a' },
    { name: 'a', handleEvents: none },
    { name: 'a', handleEvent: none, handleChange: none },
    { name: 'a', handle: 'none' },
  ]) {
    const isRefusal = (thrown: unknown): boolean => thrown instanceof HeadwaterError && thrown.code === 'HW-CONFIG-001';
    assert.throws(() => create(options), isRefusal);
  }
  assert.equal(handlerSink({ name: 'a', handle: none }).kind, 'handler');
});
