import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { encodeStandbyStatus } from '../../src/capture/postgres/replication/wire.ts';
import { toLsn } from '../../src/model/lsn.ts';
import { isEndTxnRequest, readEndTxnError, readFlushedLsn, readPassedMessages } from './wire-sight.ts';

function copyMessage(contents: Buffer): Buffer {
  const message = Buffer.alloc(5 + contents.length);
  message.write('d');
  message.writeUInt32BE(4 + contents.length, 1);
  contents.copy(message, 5);
  return message;
}

function xlogData(output: string): Buffer {
  return copyMessage(Buffer.concat([Buffer.from('w'), Buffer.alloc(24), Buffer.from(output)]));
}

const keepalive = copyMessage(Buffer.concat([Buffer.from('k'), Buffer.alloc(17)]));

describe('the sight of the wire', () => {
  test('tells rows and commits of the replication stream from everything else', () => {
    const nothing = { hasRows: false, hasCommit: false };
    assert.deepEqual(readPassedMessages(Buffer.concat([keepalive, xlogData('B..'), xlogData('R..')])), nothing);
    assert.deepEqual(readPassedMessages(Buffer.concat([keepalive, xlogData('I..')])), { ...nothing, hasRows: true });
    const whole = Buffer.concat([xlogData('B..'), xlogData('M..'), xlogData('C..')]);
    assert.deepEqual(readPassedMessages(whole), { hasRows: true, hasCommit: true });
    assert.deepEqual(readPassedMessages(Buffer.from('the middle of a row')), nothing);
  });

  test('reads the confirmed location that Headwater itself encodes', () => {
    const status = { receivedLsn: toLsn(9n), confirmedLsn: toLsn(7n), nowMicros: 0n, isReplyRequested: false };
    assert.equal(readFlushedLsn(Buffer.from(encodeStandbyStatus(status))), 7n);
    assert.equal(readFlushedLsn(keepalive), undefined);
  });

  test('knows an EndTxn request and the error of its answer', () => {
    const request = Buffer.alloc(20);
    request.writeInt32BE(16, 0);
    request.writeInt16BE(26, 4);
    assert.ok(isEndTxnRequest(request));
    assert.ok(!isEndTxnRequest(request.subarray(0, 19)));
    const answer = Buffer.alloc(16);
    answer.writeInt16BE(51, 13);
    assert.equal(readEndTxnError(answer), 51);
  });
});
