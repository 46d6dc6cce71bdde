import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../foundation/error.ts';
import { decideFailure, type FailureDecision } from './failure-decision.ts';

const withCode = (code: string, fields: object = {}): Error => Object.assign(new Error('x'), { code }, fields);
const fromServer = (sqlState: string): Error => withCode(sqlState, { severity: 'ERROR' });

const cases: readonly (readonly [string, unknown, FailureDecision])[] = [
  ['a message without id', new HeadwaterError('HW-INBOX-004', 'x'), 'unreadable'],
  ['content that does not fit', new HeadwaterError('HW-INBOX-005', 'x'), 'unreadable'],
  ['no version for an order', new HeadwaterError('HW-INBOX-006', 'x'), 'unreadable'],
  ['no tables', new HeadwaterError('HW-INBOX-007', 'x'), 'stop'],
  ['a newer version of headers', new HeadwaterError('HW-INBOX-022', 'x'), 'stop'],
  ['a transaction that did not commit', new HeadwaterError('HW-INBOX-009', 'x'), 'count'],
  ['an error of the handler', new Error('x'), 'count'],
  ['something thrown', 'x', 'count'],
  ['a violated constraint', fromServer('23505'), 'count'],
  ['a server that shuts down', fromServer('57P01'), 'wait'],
  ['too many connections', fromServer('53300'), 'wait'],
  ['a serialization failure', fromServer('40001'), 'wait'],
  ['a deadlock', fromServer('40P01'), 'wait'],
  ['a lost connection of pg', new Error('Connection terminated unexpectedly'), 'wait'],
  ['no connection', withCode('ECONNREFUSED'), 'wait'],
];

for (const [what, thrown, decision] of cases) {
  test(`a consumer decides "${decision}" for ${what}`, () => assert.equal(decideFailure(thrown), decision));
}
