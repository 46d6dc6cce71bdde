import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { loadRabbitmqClient } from './load-client.ts';

test('a RabbitMQ lane without the optional package is refused with the command that installs it', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== 'amqplib') return next(specifier, context);
      throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await assert.rejects(loadRabbitmqClient(), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-RABBITMQ-001');
      assert.match(error.hint, /npm install amqplib/);
      return true;
    });
  } finally {
    hooks.deregister();
  }
});

test('a RabbitMQ sink that is only described loads no client', async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      loaded.push(specifier);
      return next(specifier, context);
    },
  });
  try {
    const { rabbitmqSink } = await import('./rabbitmq-sink.ts');
    rabbitmqSink({ servers: 'localhost', exchange: 'x', queues: 'q' });
  } finally {
    hooks.deregister();
  }
  assert.ok(loaded.some((specifier) => specifier.endsWith('rabbitmq-sink.ts')));
  assert.ok(!loaded.includes('amqplib'));
});
