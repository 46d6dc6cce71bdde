import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { loadKafkaClient } from './load-client.ts';

test('a Kafka lane without the optional package is refused with the command that installs it', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== '@platformatic/kafka') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await assert.rejects(loadKafkaClient(), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-001');
      assert.match(error.hint, /npm install @platformatic\/kafka/);
      return true;
    });
  } finally {
    hooks.deregister();
  }
});

test('a sink that is only described loads no client', async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      loaded.push(specifier);
      return next(specifier, context);
    },
  });
  try {
    const { kafkaSink } = await import('./kafka-sink.ts');
    kafkaSink({ brokers: 'localhost' });
  } finally {
    hooks.deregister();
  }
  assert.ok(loaded.some((specifier) => specifier.endsWith('kafka-sink.ts')));
  assert.ok(!loaded.some((specifier) => specifier.includes('platformatic')));
});
