import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { openApiFragment } from './openapi.ts';
import { mayRepeat } from './operation.ts';

describe('the OpenAPI fragment of an operation', () => {
  it('asks for the key and names every refusal of a keyed one', () => {
    const { parameters, responses, ...marks } = openApiFragment('keyed');
    assert.deepEqual(marks, { 'x-idempotency': 'keyed', 'x-may-repeat': 'with-the-same-key' });
    assert.deepEqual(
      parameters.map((parameter) => Reflect.get(parameter, 'name') as unknown),
      ['Idempotency-Key'],
    );
    assert.deepEqual(Object.keys(responses), ['400', '409', '413', '422', '500', '503']);
    for (const response of Object.values(responses)) {
      assert.deepEqual(Object.keys(Reflect.get(response, 'content') as object), ['application/problem+json']);
    }
  });

  it('says of the others only whether a client may repeat them', () => {
    for (const safety of ['safe', 'natural', 'unsafe'] as const) {
      const may = safety === 'unsafe' ? 'never' : 'always';
      assert.equal(mayRepeat(safety), may);
      assert.deepEqual(openApiFragment(safety), {
        parameters: [],
        responses: {},
        'x-idempotency': safety,
        'x-may-repeat': may,
      });
    }
  });
});
