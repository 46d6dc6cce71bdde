import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { isElsewhere, isMissingStream, toNatsError } from './nats-error.ts';

const answer = (number: number, status = 400, description = 'said by the server') =>
  new JetStreamApiError({ code: status, err_code: number, description });
const request = (cause: Error) => new errors.RequestError(cause.message, { cause });
const connection = (code: string) =>
  new errors.ConnectionError('refused', { cause: Object.assign(new Error(code), { code }) });

const table: readonly (readonly [thrown: Error, code: ErrorCode])[] = [
  [answer(10_070), 'HW-NATS-010'],
  [answer(10_071), 'HW-NATS-010'],
  [answer(10_164), 'HW-NATS-010'],
  [answer(10_059, 404), 'HW-NATS-006'],
  [answer(10_060), 'HW-NATS-021'],
  [answer(10_054), 'HW-NATS-008'],
  [answer(10_077, 503, 'maximum messages exceeded'), 'HW-NATS-009'],
  [answer(10_047, 500), 'HW-NATS-009'],
  [answer(10_158, 409), 'HW-NATS-022'],
  [answer(10_039, 503), 'HW-NATS-017'],
  [Object.assign(new Error('jetstream is not enabled'), { name: 'JetStreamNotEnabled' }), 'HW-NATS-017'],
  [answer(10_008, 503), 'HW-NATS-003'],
  [answer(10_118, 500), 'HW-NATS-003'],
  [answer(10_025), 'HW-NATS-016'],
  [new errors.AuthorizationError('Authorization Violation'), 'HW-NATS-004'],
  [new errors.UserAuthenticationExpiredError('User Authentication Expired'), 'HW-NATS-004'],
  [request(new errors.PermissionViolationError('no', 'publish', 'a')), 'HW-NATS-005'],
  [connection('CERT_HAS_EXPIRED'), 'HW-NATS-018'],
  [connection('ECONNREFUSED'), 'HW-NATS-003'],
  [connection('ECONNRESET'), 'HW-NATS-003'],
  [new errors.TimeoutError(), 'HW-NATS-003'],
  [new errors.ClosedConnectionError(), 'HW-NATS-003'],
  [request(new errors.NoRespondersError('a')), 'HW-NATS-003'],
];

test('what the client and the server say has a code of its own, and what says nothing definite is tried again', () => {
  for (const [thrown, code] of table) {
    assert.equal(toNatsError(thrown, 'context').code, code, thrown.message);
  }
});

test('what says nothing definite about a write is an unknown outcome', () => {
  assert.equal(toNatsError(new errors.TimeoutError(), 'context', 'HW-NATS-010').code, 'HW-NATS-010');
  assert.equal(toNatsError(answer(10_008, 503), 'context', 'HW-NATS-010').code, 'HW-NATS-010');
  assert.equal(toNatsError('not even an error', 'context').code, 'HW-NATS-003');
});

test('an error of our own stays what it is', () => {
  const error = new HeadwaterError('HW-NATS-022', 'known');
  assert.equal(toNatsError(error, 'context'), error);
});

test('the two answers that decide about the next step are known', () => {
  assert.ok(isElsewhere(answer(10_071)) && !isElsewhere(answer(10_059)));
  assert.ok(isMissingStream(answer(10_059)) && !isMissingStream(new errors.TimeoutError()));
});
