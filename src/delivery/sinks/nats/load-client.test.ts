import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { loadNatsClient } from './load-client.ts';

test('a NATS lane without the optional packages is refused with the command that installs them', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== '@nats-io/jetstream') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await assert.rejects(loadNatsClient(), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-NATS-001');
      assert.match(error.message, /@nats-io\/jetstream/);
      assert.match(error.hint, /npm install @nats-io\/transport-node\S* @nats-io\/jetstream/);
      return true;
    });
  } finally {
    hooks.deregister();
  }
});

test('a NATS sink that is only described loads no client', async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      loaded.push(specifier);
      return next(specifier, context);
    },
  });
  try {
    const { natsSink } = await import('./nats-sink.ts');
    natsSink({ servers: 'localhost', stream: 'ORDERS' });
  } finally {
    hooks.deregister();
  }
  assert.ok(loaded.some((specifier) => specifier.endsWith('nats-sink.ts')));
  assert.ok(!loaded.some((specifier) => specifier.includes('@nats-io')));
});
