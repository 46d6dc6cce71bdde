import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toTargetError } from './target-error.ts';

/** As the driver throws what a server answered. */
function serverError(code: string, message: string): Error {
  return Object.assign(new Error(message), {
    code,
    severity: 'ERROR',
    detail: 'Key (secret)=(1).',
    table: 'orders',
    column: 'note',
  });
}

const socketError = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('an error of the target', () => {
  test('is retried where waiting can mend it, and stops the lane elsewhere', () => {
    const cases: readonly (readonly [Error, string])[] = [
      [serverError('28P01', 'password authentication failed'), 'HW-SINK-002'],
      [serverError('42501', 'permission denied'), 'HW-SINK-003'],
      [serverError('57014', 'canceling statement due to statement timeout'), 'HW-SINK-004'],
      [serverError('42P01', 'relation does not exist'), 'HW-SINK-006'],
      [serverError('23505', 'duplicate key value'), 'HW-SINK-007'],
      [serverError('99999', 'unheard of'), 'HW-SINK-007'],
      [serverError('40001', 'could not serialize'), 'HW-SINK-009'],
      [serverError('40P01', 'deadlock detected'), 'HW-SINK-009'],
      [serverError('55P03', 'lock timeout'), 'HW-SINK-009'],
      [serverError('53300', 'too many connections'), 'HW-SINK-001'],
      [serverError('53100', 'disk full'), 'HW-SINK-001'],
      [serverError('57P01', 'terminating connection'), 'HW-SINK-001'],
      [serverError('08006', 'connection failure'), 'HW-SINK-001'],
      [socketError('ECONNREFUSED'), 'HW-SINK-001'],
      [socketError('ECONNRESET'), 'HW-SINK-001'],
      [new Error('Connection terminated unexpectedly'), 'HW-SINK-001'],
      [new HeadwaterError('HW-SOURCE-026', 'no pg'), 'HW-SINK-011'],
      [new HeadwaterError('HW-SOURCE-024', 'odd'), 'HW-SINK-007'],
      [new HeadwaterError('HW-SINK-021', 'ours'), 'HW-SINK-021'],
    ];
    for (const [thrown, code] of cases) assert.equal(toTargetError(thrown, 'writing').code, code, thrown.message);
  });

  test('shows no value of a row', () => {
    const thrown = [
      serverError('22P02', 'invalid input syntax for type integer: "secret"'),
      serverError('22003', 'value "secret" is out of range for type integer'),
      serverError('23505', 'duplicate key value'),
    ];
    for (const each of thrown) {
      const error = toTargetError(each, 'writing');
      assert.ok(!inspect(error, { depth: 9 }).includes('secret'), inspect(error));
      assert.equal(error.details['table'], 'orders');
    }
  });
});
