import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { flushTransition, type FlushEffect, type FlushEvent, type FlushState } from './flush-core.ts';

const limits = { intervalMs: 10, floodIntervalMs: 20, byteCount: 100 };

const states: Record<FlushState['kind'], FlushState> = {
  idle: { kind: 'idle', lastStartMs: 0 },
  waiting: { kind: 'waiting', lastStartMs: 0 },
  running: { kind: 'running', lastStartMs: 0, isMoreWaiting: false },
};

const events = {
  'appended, soon after the last': { kind: 'appended', nowMs: 4, pendingByteCount: 50, isFlood: false },
  'appended, long after the last': { kind: 'appended', nowMs: 10, pendingByteCount: 50, isFlood: false },
  'appended, in a flood': { kind: 'appended', nowMs: 10, pendingByteCount: 50, isFlood: true },
  'appended, many bytes': { kind: 'appended', nowMs: 4, pendingByteCount: 100, isFlood: true },
  due: { kind: 'due', nowMs: 10 },
  ended: { kind: 'ended', nowMs: 4, pendingByteCount: 0, isFlood: false },
} as const satisfies Record<string, FlushEvent>;

type Expected = readonly [FlushState['kind'], FlushEffect | undefined];
const flush: FlushEffect = { kind: 'flush' };
const timer: FlushEffect = { kind: 'set-timer', delayMs: 6 };
const floodTimer: FlushEffect = { kind: 'set-timer', delayMs: 10 };

const table: Record<FlushState['kind'], Record<keyof typeof events, Expected>> = {
  idle: {
    'appended, soon after the last': ['waiting', timer],
    'appended, long after the last': ['running', flush],
    'appended, in a flood': ['waiting', floodTimer],
    'appended, many bytes': ['running', flush],
    due: ['idle', undefined],
    ended: ['idle', undefined],
  },
  waiting: {
    'appended, soon after the last': ['waiting', undefined],
    'appended, long after the last': ['waiting', undefined],
    'appended, in a flood': ['waiting', undefined],
    'appended, many bytes': ['running', flush],
    due: ['running', flush],
    ended: ['waiting', undefined],
  },
  running: {
    'appended, soon after the last': ['running', undefined],
    'appended, long after the last': ['running', undefined],
    'appended, in a flood': ['running', undefined],
    'appended, many bytes': ['running', undefined],
    due: ['running', undefined],
    ended: ['idle', undefined],
  },
};

describe('flush core', () => {
  for (const [stateKind, row] of Object.entries(table)) {
    for (const [eventName, [kind, effect]] of Object.entries(row)) {
      test(`${stateKind}, ${eventName}: ${kind}, ${effect?.kind ?? 'nothing'}`, () => {
        const next = flushTransition(
          states[stateKind as FlushState['kind']],
          events[eventName as keyof typeof events],
          limits,
        );
        assert.deepEqual([next.state.kind, next.effect], [kind, effect]);
      });
    }
  }

  test('what is appended during a flush is flushed by the next one', () => {
    const more = flushTransition(states.running, events['appended, soon after the last'], limits).state;
    assert.deepEqual(
      flushTransition(more, { kind: 'ended', nowMs: 12, pendingByteCount: 50, isFlood: false }, limits).effect,
      flush,
    );
    assert.deepEqual(
      flushTransition(more, { kind: 'ended', nowMs: 4, pendingByteCount: 50, isFlood: false }, limits).effect,
      timer,
    );
  });
});
