import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readProtocol, type WireProtocol } from './wire-protocol.ts';

/** What clients have written, byte for byte. */
const writes: Readonly<Record<string, readonly [WireProtocol | undefined, Buffer]>> = {
  'the request for TLS that pg and postgres.js begin with': ['postgresql', hex('0000000804d2162f')],
  'a start of PostgreSQL 3.0': ['postgresql', withLength(Buffer.from('\0\x03\0\0user\0ann\0\0', 'latin1'), 4)],
  'a request to cancel': ['postgresql', hex('0000001004d2162e0000000100000002')],
  'a simple query': ['postgresql', message('Q', 'begin\0')],
  'parse, bind, describe, execute and sync in one write': [
    'postgresql',
    Buffer.concat([
      message('P', '\0select 1\0\0\0'),
      message('B', '\0\0\0\0\0\0\0\0'),
      message('D', 'P\0'),
      message('E', '\0\0\0\0\0'),
      message('S', ''),
    ]),
  ],
  'a password': ['postgresql', message('p', 'md5abc\0')],
  'the end of a connection': ['postgresql', message('X', '')],
  'a query that was cut': [undefined, message('Q', 'select 1\0').subarray(0, 9)],
  'a query with more behind it than a message': [undefined, Buffer.concat([message('Q', 'x\0'), Buffer.from('PUB')])],
  'a request of HTTP': ['http', Buffer.from('POST /charges?card=1 HTTP/1.1\r\nHost: pay\r\n\r\n')],
  'a request for a WebSocket': ['websocket', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n')],
  'a command of Redis': ['redis', Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n')],
  'the start of AMQP': ['amqp', hex('414d515000000901')],
  'a frame of AMQP': ['amqp', hex('0100010000000400140028ce')],
  'the start of NATS': ['nats', Buffer.from('CONNECT {"lang":"node"}\r\nPING\r\n')],
  'a message to NATS': ['nats', Buffer.from('PUB orders 2\r\nhi\r\n')],
  'a request to Kafka for its versions': ['kafka', withLength(hex('001200030000000100016100'), 0)],
  'a request to Kafka that goes on in the next write': ['kafka', hex('0000ffff0000000900000001000161')],
  'a proxy that is asked to connect': ['http', Buffer.from('CONNECT db:5432 HTTP/1.1\r\n\r\n')],
  nothing: [undefined, Buffer.alloc(0)],
  'a line of somebody else': [undefined, Buffer.from('HELO mail.example\r\n')],
};

describe('what a client writes', () => {
  for (const [name, [expected, bytes]] of Object.entries(writes)) {
    it(`is told by its bytes: ${name}`, () => {
      assert.equal(readProtocol(bytes), expected);
      const inPool = Buffer.concat([Buffer.from('QQQ'), bytes]).subarray(3);
      assert.equal(readProtocol(inPool), expected, 'also where it lies in the middle of a larger buffer');
    });
  }

  it('is read within its bounds wherever it is cut', () => {
    for (const [, bytes] of Object.values(writes)) {
      for (let length = 0; length < bytes.length; length += 1) readProtocol(bytes.subarray(0, length));
    }
  });
});

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

function withLength(body: Buffer, lengthOfItself: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + lengthOfItself);
  return Buffer.concat([length, body]);
}

function message(type: string, body: string): Buffer {
  return Buffer.concat([Buffer.from(type), withLength(Buffer.from(body, 'latin1'), 4)]);
}
