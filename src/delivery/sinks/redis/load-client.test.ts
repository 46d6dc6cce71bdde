import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { loadRedisClient } from './load-client.ts';

test('a Redis lane without the optional package is refused with the command that installs it', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== '@redis/client') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await assert.rejects(loadRedisClient(), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-SINK-011');
      assert.match(error.hint, /npm install @redis\/client/);
      return true;
    });
  } finally {
    hooks.deregister();
  }
});

test('a Redis sink that is only described loads no client', async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      loaded.push(specifier);
      return next(specifier, context);
    },
  });
  try {
    const { redisSink } = await import('./redis-sink.ts');
    redisSink({ url: 'redis://localhost' });
  } finally {
    hooks.deregister();
  }
  assert.ok(loaded.some((specifier) => specifier.endsWith('redis-sink.ts')));
  assert.ok(!loaded.some((specifier) => specifier.includes('@redis')));
});
