import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  findWeakenedOperations,
  type OpenApiDocument,
  readOperations,
  safetyFromOpenApi,
} from './openapi-operations.ts';
import { openApiFragment } from './openapi.ts';
import type { OperationSafety } from './operation.ts';

const strengths = ['safe', 'natural', 'keyed', 'unsafe'] as const;

function documentOf(safety: OperationSafety | undefined): OpenApiDocument {
  return { paths: { '/orders': { post: safety === undefined ? {} : openApiFragment(safety) } } };
}

describe('the declarations of an OpenAPI document', () => {
  it('may become stronger from release to release, and never weaker', () => {
    for (const [before, released] of strengths.entries()) {
      for (const [now, current] of strengths.entries()) {
        const expected = now > before ? [{ operation: 'POST /orders', released, current }] : [];
        assert.deepEqual(findWeakenedOperations(documentOf(released), documentOf(current)), expected);
      }
    }
  });

  it('may not disappear as long as the operation is there', () => {
    assert.deepEqual(findWeakenedOperations(documentOf('keyed'), documentOf(undefined)), [
      { operation: 'POST /orders', released: 'keyed', current: undefined },
    ]);
    assert.deepEqual(findWeakenedOperations(documentOf('keyed'), { paths: {} }), []);
    assert.deepEqual(findWeakenedOperations({}, documentOf('unsafe')), []);
  });

  it('may not weaken behind another name of a parameter', () => {
    const at = (path: string, safety: OperationSafety): OpenApiDocument => ({
      paths: { [path]: { post: openApiFragment(safety) } },
    });
    assert.deepEqual(findWeakenedOperations(at('/orders/{id}', 'keyed'), at('/orders/{orderId}', 'unsafe')), [
      { operation: 'POST /orders/{id}', released: 'keyed', current: 'unsafe' },
    ]);
    const undeclared = { paths: { '/orders/{orderId}': { post: {} } } };
    assert.deepEqual(findWeakenedOperations(at('/orders/{id}', 'natural'), undeclared), [
      { operation: 'POST /orders/{id}', released: 'natural', current: undefined },
    ]);
  });

  it('say nothing of an operation that declares nothing, though a path with a parameter would fit it', () => {
    const safetyOf = safetyFromOpenApi({
      paths: { '/orders/{id}': { post: openApiFragment('natural') }, '/orders/archive': { post: {} } },
    });
    assert.equal(safetyOf({ method: 'POST', url: '/orders/archive' }), undefined);
    assert.equal(safetyOf({ method: 'POST', url: '/orders/7' }), 'natural');
  });

  it('are missed by name, so that a build can refuse an operation without one', () => {
    const document = { paths: { '/a': { get: openApiFragment('safe'), post: { 'x-idempotency': 'sometimes' } } } };
    const { declared, undeclared } = readOperations(document);
    assert.deepEqual(
      declared.map(({ name, safety }) => [name, safety]),
      [['GET /a', 'safe']],
    );
    assert.deepEqual(undeclared, ['POST /a']);
  });

  it('tell what a request is, by server, method and path', () => {
    const safetyOf = safetyFromOpenApi({
      servers: [{ url: 'https://shop.example/v1/' }],
      paths: {
        '/orders/{id}': { get: openApiFragment('safe'), put: openApiFragment('natural') },
        '/orders/mine': { get: openApiFragment('unsafe') },
        '/orders/{id}/refund(s)': { post: openApiFragment('keyed') },
      },
    });
    const of = (method: string, url: string): OperationSafety | undefined => safetyOf({ method, url });
    assert.equal(of('GET', 'https://shop.example/v1/orders/7?full=1'), 'safe');
    assert.equal(of('PUT', 'https://other.example/v1/orders/7'), 'natural');
    assert.equal(of('GET', '/v1/orders/mine'), 'unsafe');
    assert.equal(of('POST', '/v1/orders/7/refund(s)'), 'keyed');
    assert.equal(of('POST', '/v1/orders/7/refunds'), undefined);
    assert.equal(of('GET', '/orders/7'), undefined);
    assert.equal(of('GET', '/v1/orders/7/8'), undefined);
    assert.equal(of('DELETE', '/v1/orders/7'), undefined);
  });
});
