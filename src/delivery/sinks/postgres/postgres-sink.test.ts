import assert from 'node:assert/strict';
import { test } from 'node:test';

import { postgresSink } from './postgres-sink.ts';

test('an address from a variable that is not set is refused when the configuration is read', () => {
  assert.throws(() => postgresSink({ url: undefined }), {
    code: 'HW-SINK-012',
    hint: /is undefined: set the variable/,
  });
});

test('an address and a pool at once are refused', () => {
  const both = { url: 'postgres://app@localhost/reports', pool: { connect: () => assert.fail() }, target: 'reports' };
  // @ts-expect-error -- the types forbid it; a configuration in JavaScript meets the refusal.
  assert.throws(() => postgresSink(both), { code: 'HW-SINK-012' });
});
