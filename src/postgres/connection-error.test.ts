import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { toConnectionError } from './connection-error.ts';
import { sqlStateOf } from './sql-state.ts';

function serverError(code: string, message = 'text of the server'): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR', detail: 'Key (id)=(planted-secret) exists' });
}

function socketError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

describe('errors of a connection', () => {
  const table: readonly (readonly [Error, string])[] = [
    [serverError('28P01'), 'HW-SOURCE-003'],
    [serverError('3D000'), 'HW-SOURCE-004'],
    [serverError('42501'), 'HW-SOURCE-008'],
    [serverError('55006'), 'HW-SOURCE-012'],
    [serverError('53400'), 'HW-SOURCE-028'],
    [serverError('57P01'), 'HW-SOURCE-023'],
    [serverError('08006'), 'HW-SOURCE-023'],
    [serverError('08P01', 'unsupported startup parameter: replication'), 'HW-SOURCE-006'],
    [serverError('22012'), 'HW-SOURCE-024'],
    [socketError('ECONNREFUSED'), 'HW-SOURCE-002'],
    [socketError('ECONNRESET'), 'HW-SOURCE-023'],
    [socketError('SELF_SIGNED_CERT_IN_CHAIN'), 'HW-SOURCE-005'],
    [socketError('ERR_TLS_CERT_ALTNAME_INVALID'), 'HW-SOURCE-005'],
    [new Error('The server does not support SSL connections'), 'HW-SOURCE-005'],
    [new AggregateError([socketError('ECONNREFUSED')]), 'HW-SOURCE-002'],
    [new Error('Connection terminated unexpectedly'), 'HW-SOURCE-023'],
  ];

  for (const [thrown, code] of table) {
    test(`${String(Reflect.get(thrown, 'code') ?? thrown.message)} is ${code}`, () => {
      assert.equal(toConnectionError(thrown, 'a statement').code, code);
    });
  }

  test("the server's code is read where Prisma keeps it, and Prisma's own is not taken for one", () => {
    const error = Object.assign(new Error('Raw query failed'), { code: 'P2010' });
    assert.equal(sqlStateOf(error), undefined);
    const meta = { driverAdapterError: { cause: { originalCode: '40001', kind: 'TransactionWriteConflict' } } };
    assert.equal(sqlStateOf(Object.assign(error, { meta })), '40001');
  });

  test('neither the detail of the server, which quotes rows, nor the driver error is passed on', () => {
    const error = toConnectionError(serverError('23505'), 'a statement');
    assert.doesNotMatch(`${JSON.stringify(error)}${error.message}${String(error.stack)}`, /planted-secret/);
    assert.equal(error.cause, undefined);
  });
});
