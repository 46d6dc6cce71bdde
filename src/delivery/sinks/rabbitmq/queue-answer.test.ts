import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesOfLoss, type QueueAnswer, readQueueAnswer } from './queue-answer.ts';

const head = 'PRECONDITION_FAILED - ';
const inequivalent = (name: string): string => `${head}inequivalent arg '${name}' for queue 'q' in vhost '/': `;

/** As RabbitMQ 3.10 says it. */
const answers: readonly (readonly [text: string, answer: QueueAnswer])[] = [
  [`${inequivalent('durable')}received 'true' but current is 'false'`, { kind: 'unfit', reason: 'is not durable' }],
  [
    `${inequivalent('auto_delete')}received 'false' but current is 'true'`,
    { kind: 'unfit', reason: 'is deleted with its last consumer' },
  ],
  [
    `${inequivalent('x-queue-type')}received the value 'quorum' of type 'longstr' but current is none`,
    { kind: 'other-type', type: 'classic' },
  ],
  [`${inequivalent('x-queue-type')}received 'quorum' but current is 'stream'`, { kind: 'other-type', type: 'stream' }],
  [
    `${inequivalent('x-queue-type')}received 'quorum' but current is 'classic'`,
    { kind: 'other-type', type: 'classic' },
  ],
  [
    `${head}invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue`,
    { kind: 'other-type', type: 'classic' },
  ],
  [
    `${inequivalent('x-dead-letter-exchange')}received none but current is the value 'd' of type 'longstr'`,
    { kind: 'argument', name: 'x-dead-letter-exchange', value: 'd' },
  ],
  [
    `${inequivalent('x-delivery-limit')}received none but current is the value '5' of type 'byte'`,
    { kind: 'argument', name: 'x-delivery-limit', value: 5 },
  ],
  [
    `${inequivalent('x-single-active-consumer')}received none but current is the value 'true' of type 'bool'`,
    { kind: 'argument', name: 'x-single-active-consumer', value: true },
  ],
  [`${inequivalent('x-odd')}received none but current is something`, { kind: 'unknown' }],
  ['INTERNAL_ERROR', { kind: 'unknown' }],
];

test('what the broker says of a queue is read word by word, and what is not known is not guessed', () => {
  for (const [text, answer] of answers) assert.deepEqual(readQueueAnswer(text), answer, text);
});

test('the arguments by which a queue drops messages are named, and no others', () => {
  assert.deepEqual(namesOfLoss({}), []);
  assert.deepEqual(namesOfLoss({ 'x-delivery-limit': 5 }), []);
  assert.deepEqual(namesOfLoss({ 'x-max-length': 5, 'x-overflow': 'reject-publish' }), []);
  assert.deepEqual(namesOfLoss({ 'x-max-length': 5, 'x-message-ttl': 1 }), ['x-max-length', 'x-message-ttl']);
  assert.deepEqual(namesOfLoss({ 'x-max-length-bytes': 5, 'x-overflow': 'drop-head', 'x-expires': 1 }), [
    'x-max-length-bytes',
    'x-expires',
  ]);
});
