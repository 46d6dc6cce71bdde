import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HeadwaterError } from '../foundation/error.ts';
import { type HaltOutcome, type LaneEvent, type LaneState, transition } from './lane-state.ts';
import { conditionOf } from './lane-status.ts';

const before = new HeadwaterError('HW-SINK-007', 'before');
const error = new HeadwaterError('HW-SINK-007', 'now');

const halting = (outcome: HaltOutcome): LaneState => ({ kind: 'halting', outcome });
const states = {
  stopped: { kind: 'stopped' },
  starting: { kind: 'starting', isRetrying: false },
  'starting again': { kind: 'starting', isRetrying: true },
  running: { kind: 'running', isRetrying: false, isDraining: false },
  retrying: { kind: 'running', isRetrying: true, isDraining: false },
  draining: { kind: 'running', isRetrying: false, isDraining: true },
  pausing: halting({ kind: 'paused' }),
  stopping: halting({ kind: 'stopped' }),
  failing: halting({ kind: 'failed', error: before }),
  restarting: halting({ kind: 'restarted' }),
  paused: { kind: 'paused' },
  failed: { kind: 'failed', error: before },
} as const satisfies Record<string, LaneState>;

const events = {
  start: { kind: 'start', isPaused: false },
  'start paused': { kind: 'start', isPaused: true },
  opened: { kind: 'opened' },
  'open failed': { kind: 'open-failed' },
  'write failed': { kind: 'write-failed' },
  recovered: { kind: 'recovered' },
  fault: { kind: 'fault', error },
  drain: { kind: 'drain' },
  drained: { kind: 'drained' },
  pause: { kind: 'pause' },
  resume: { kind: 'resume' },
  stop: { kind: 'stop' },
  closed: { kind: 'closed' },
} as const satisfies Record<string, LaneEvent>;

/** `state` and then effects; `=` for an event that means nothing. A failure with the error of the event is marked `!`. */
type Expected = string;
const halt = 'halt refuse-drains';
const nothing = { opened: '=', 'open failed': '=', 'write failed': '=', recovered: '=', drained: '=' } as const;

const table: Record<keyof typeof states, Record<keyof typeof events, Expected>> = {
  stopped: {
    ...nothing,
    start: 'starting open',
    'start paused': 'paused',
    fault: 'failed!',
    drain: 'stopped refuse-drains',
    pause: '=',
    resume: '=',
    stop: '=',
    closed: '=',
  },
  starting: {
    ...nothing,
    start: '=',
    'start paused': '=',
    opened: 'running deliver',
    'open failed': 'starting again open-later',
    fault: `failing! ${halt}`,
    drain: '=',
    pause: `pausing ${halt}`,
    resume: '=',
    stop: `stopping ${halt}`,
    closed: '=',
  },
  'starting again': {
    ...nothing,
    start: '=',
    'start paused': '=',
    opened: 'running deliver',
    'open failed': 'starting again open-later',
    fault: `failing! ${halt}`,
    drain: '=',
    pause: `pausing ${halt}`,
    resume: '=',
    stop: `stopping ${halt}`,
    closed: '=',
  },
  running: {
    ...nothing,
    start: '=',
    'start paused': '=',
    'write failed': 'retrying',
    recovered: '=',
    fault: `failing! ${halt}`,
    drain: 'draining deliver',
    pause: `pausing ${halt}`,
    resume: '=',
    stop: `stopping ${halt}`,
    closed: '=',
  },
  retrying: {
    ...nothing,
    start: '=',
    'start paused': '=',
    'write failed': '=',
    recovered: 'running',
    fault: `failing! ${halt}`,
    drain: 'retrying and draining deliver',
    pause: `pausing ${halt}`,
    resume: '=',
    stop: `stopping ${halt}`,
    closed: '=',
  },
  draining: {
    ...nothing,
    start: '=',
    'start paused': '=',
    'write failed': 'retrying and draining',
    fault: `failing! ${halt}`,
    drain: 'draining deliver',
    drained: 'running',
    pause: `pausing ${halt}`,
    resume: '=',
    stop: `stopping ${halt}`,
    closed: '=',
  },
  pausing: {
    ...nothing,
    start: 'restarting',
    'start paused': '=',
    fault: 'failing!',
    drain: 'pausing refuse-drains',
    pause: '=',
    resume: 'restarting',
    stop: 'stopping',
    closed: 'paused',
  },
  stopping: {
    ...nothing,
    start: 'restarting',
    'start paused': 'pausing',
    fault: '=',
    drain: 'stopping refuse-drains',
    pause: '=',
    resume: '=',
    stop: '=',
    closed: 'stopped',
  },
  failing: {
    ...nothing,
    start: 'restarting',
    'start paused': 'pausing',
    fault: '=',
    drain: 'failing refuse-drains',
    pause: 'pausing',
    resume: 'restarting',
    stop: 'stopping',
    closed: 'failed',
  },
  restarting: {
    ...nothing,
    start: '=',
    'start paused': 'pausing',
    fault: '=',
    drain: 'restarting refuse-drains',
    pause: 'pausing',
    resume: '=',
    stop: 'stopping',
    closed: 'starting open',
  },
  paused: {
    ...nothing,
    start: 'starting open',
    'start paused': '=',
    fault: 'failed!',
    drain: 'paused refuse-drains',
    pause: '=',
    resume: 'starting open',
    stop: 'stopped',
    closed: '=',
  },
  failed: {
    ...nothing,
    start: 'starting open',
    'start paused': 'paused',
    fault: 'failed!',
    drain: 'failed refuse-drains',
    pause: 'paused',
    resume: 'starting open',
    stop: 'stopped',
    closed: '=',
  },
};

const named: readonly (readonly [string, LaneState])[] = [
  ...Object.entries(states),
  ['retrying and draining', { kind: 'running', isRetrying: true, isDraining: true }],
  ['failing!', halting({ kind: 'failed', error })],
  ['failed!', { kind: 'failed', error }],
];

function nameOf(state: LaneState): string {
  const found = named.find(([, candidate]) => {
    try {
      assert.deepStrictEqual(state, candidate);
      return errorOf(state) === errorOf(candidate);
    } catch {
      return false;
    }
  });
  return found?.[0] ?? JSON.stringify(state);
}

function errorOf(state: LaneState): unknown {
  if (state.kind === 'failed') return state.error;
  return state.kind === 'halting' && state.outcome.kind === 'failed' ? state.outcome.error : undefined;
}

describe('the states of a lane', () => {
  for (const [stateName, row] of Object.entries(table)) {
    test(`answer every event when ${stateName}`, () => {
      for (const [eventName, expected] of Object.entries(row)) {
        const state = states[stateName as keyof typeof states];
        const { state: next, effects } = transition(state, events[eventName as keyof typeof events]);
        const actual = [nameOf(next), ...effects].join(' ');
        assert.equal(actual, expected === '=' ? stateName : expected, `${stateName}, ${eventName}`);
      }
    });
  }

  test('open a sink only when none is open, and close what was opened (I1, I2, I3)', () => {
    const anyEvent = fc.constantFrom(...Object.values<LaneEvent>(events));
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (sequence) => {
        let state: LaneState = { kind: 'stopped' };
        let isHalting = false;
        for (const event of sequence) {
          // The driver reports these only in answer to an effect.
          if (event.kind === 'closed' && !isHalting) continue;
          const { state: next, effects } = transition(state, event);
          if (state.kind === 'halting') assert.equal(next.kind === 'halting', event.kind !== 'closed');
          if (effects.includes('deliver')) assert.equal(next.kind, 'running');
          if (effects.includes('open')) assert.ok(state.kind !== 'running' && state.kind !== 'starting');
          if (next.kind === 'running' && state.kind !== 'running') assert.equal(event.kind, 'opened');
          isHalting = next.kind === 'halting';
          state = next;
        }
      }),
    );
  });

  test('have a word each for people', () => {
    const words = named.map(([, state]) => conditionOf(state));
    assert.deepEqual(words, [
      'stopped',
      'starting',
      'retrying',
      'running',
      'retrying',
      'draining',
      'paused',
      'stopped',
      'failed',
      'starting',
      'paused',
      'failed',
      'retrying',
      'failed',
      'failed',
    ]);
  });
});
