import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ResponseError,
  TimeoutError,
  UserError,
} from '@platformatic/kafka';
import { isBusy, isFenced, toKafkaError } from './kafka-error.ts';

const produceKey = 0;
const answer = (code: number): Error => new ResponseError(produceKey, 9, { '/responses/0': [code, null] }, {});
const withCode = (code: string): Error => Object.assign(new Error(code), { code });

const cases: readonly (readonly [string, Error, string, 'retry' | 'stop'])[] = [
  ['connection refused', new NetworkError('x', { cause: withCode('ECONNREFUSED') }), 'HW-KAFKA-003', 'retry'],
  ['wrong password', new NetworkError('x', { cause: new AuthenticationError('x') }), 'HW-KAFKA-004', 'stop'],
  ['SASL refused by answer', answer(58), 'HW-KAFKA-004', 'stop'],
  ['topic not authorized', answer(29), 'HW-KAFKA-005', 'stop'],
  ['transactional id not authorized', answer(53), 'HW-KAFKA-005', 'stop'],
  ['record too large', answer(10), 'HW-KAFKA-008', 'stop'],
  ['not enough replicas', new MultipleErrors('x', [answer(19)]), 'HW-KAFKA-009', 'retry'],
  ['not enough replicas after append', answer(20), 'HW-KAFKA-009', 'retry'],
  ['leader moved', answer(6), 'HW-KAFKA-003', 'retry'],
  ['unsupported version', answer(35), 'HW-KAFKA-017', 'stop'],
  ['broker requires TLS', new UserError('Broker requires TLS.'), 'HW-KAFKA-018', 'stop'],
  [
    'certificate not trusted',
    new NetworkError('x', { cause: withCode('SELF_SIGNED_CERT_IN_CHAIN') }),
    'HW-KAFKA-018',
    'stop',
  ],
  [
    'certificate of the client refused behind the handshake',
    new NetworkError('x', { cause: withCode('ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE') }),
    'HW-KAFKA-018',
    'stop',
  ],
  ['key that cannot be read', withCode('ERR_OSSL_PEM_NO_START_LINE'), 'HW-KAFKA-018', 'stop'],
  [
    'clear text where TLS is spoken',
    Object.assign(new Error('write EPROTO 00:error:0A00010B:SSL routines::wrong version number'), { code: 'EPROTO' }),
    'HW-KAFKA-018',
    'stop',
  ],
  ['policy of the brokers', answer(44), 'HW-KAFKA-016', 'stop'],
  ['what nobody knows', new Error('x'), 'HW-KAFKA-003', 'retry'],
];

/** What a broker that goes down leaves behind, at whatever moment it does. */
const departures: readonly (readonly [string, Error])[] = [
  ['reset', withCode('ECONNRESET')],
  ['broken pipe', withCode('EPIPE')],
  ['protocol error of the socket', withCode('EPROTO')],
  ['end in mid-record', withCode('ERR_SSL_UNEXPECTED_EOF_WHILE_READING')],
  ['end in mid-handshake', withCode('ERR_SSL_SSL/TLS_ALERT_USER_CANCELLED')],
  ['record cut short', withCode('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC')],
  ['end in mid-login', new AuthenticationError('x', { cause: new NetworkError('Connection closed') })],
  ['silence in mid-login', new AuthenticationError('x', { cause: new TimeoutError('x') })],
];

for (const [name, cause] of departures) {
  test(`a broker that goes down is waited for: ${name}`, () => {
    const error = toKafkaError(new NetworkError('x', { cause }), 'context');
    assert.equal(error.code, 'HW-KAFKA-003');
    assert.equal(error.policy, 'retry');
  });
}

for (const [name, thrown, code, policy] of cases) {
  test(`an error of Kafka has its typed code: ${name}`, () => {
    const error = toKafkaError(thrown, 'context');
    assert.equal(error.code, code);
    assert.equal(error.policy, policy);
    assert.equal(error.cause, thrown);
  });
}

test('the end of an epoch and a busy coordinator are told apart', () => {
  for (const code of [47, 90, 52]) assert.equal(isFenced(answer(code)), true, String(code));
  for (const code of [51, 14, 15]) assert.equal(isBusy(answer(code)), true, String(code));
  assert.equal(isFenced(answer(51)), false);
  assert.equal(isBusy(answer(47)), false);
});
