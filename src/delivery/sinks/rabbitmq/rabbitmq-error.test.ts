import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toRabbitmqError } from './rabbitmq-error.ts';

const coded = (code: number | string, message = 'said'): Error => Object.assign(new Error(message), { code });

const table: readonly (readonly [thrown: unknown, code: ErrorCode])[] = [
  [coded('ECONNREFUSED'), 'HW-RABBITMQ-003'],
  [new AggregateError([coded('ECONNREFUSED')]), 'HW-RABBITMQ-003'],
  [new Error('Socket closed abruptly during opening handshake'), 'HW-RABBITMQ-003'],
  [new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "…"'), 'HW-RABBITMQ-004'],
  [new Error('SASL mechanism EXTERNAL is not provided by the server'), 'HW-RABBITMQ-004'],
  [new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'), 'HW-RABBITMQ-019'],
  [coded(403), 'HW-RABBITMQ-005'],
  [coded(404), 'HW-RABBITMQ-006'],
  [coded(405), 'HW-RABBITMQ-007'],
  [coded(406), 'HW-RABBITMQ-018'],
  [coded(406, 'message size 9 is larger than configured max size 8'), 'HW-RABBITMQ-008'],
  [coded(320), 'HW-RABBITMQ-003'],
  [coded(541), 'HW-RABBITMQ-003'],
  [coded('SELF_SIGNED_CERT_IN_CHAIN'), 'HW-RABBITMQ-014'],
  [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'HW-RABBITMQ-014'],
  [coded('ECONNRESET'), 'HW-RABBITMQ-003'],
  ['a text', 'HW-RABBITMQ-003'],
];

test('each answer of the client and the broker has its code', () => {
  for (const [thrown, code] of table) assert.equal(toRabbitmqError(thrown, 'context').code, code, String(thrown));
});

test('what says nothing definite gets the code that the caller names, and a typed error stays what it is', () => {
  assert.equal(toRabbitmqError(new Error('channel closed'), 'context', 'HW-RABBITMQ-011').code, 'HW-RABBITMQ-011');
  const typed = new HeadwaterError('HW-RABBITMQ-009', 'routed to no queue');
  assert.equal(toRabbitmqError(typed, 'context'), typed);
});
