import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { decide, type KeyAction, type KeyState } from './decide.ts';

type Case = 'absent' | 'held' | 'lease just ended' | 'lease long ended' | 'finished';
type Asker =
  | 'same content, fresh'
  | 'same content, waiting'
  | 'same content, out of patience'
  | 'lost a take-over'
  | 'lost a take-over, out of patience'
  | 'other content';

const states: Readonly<Record<Case, KeyState>> = {
  absent: { kind: 'absent' },
  held: { kind: 'running', fingerprint: 'f', epoch: '3', leaseRemainingMs: 1234 },
  'lease just ended': { kind: 'running', fingerprint: 'f', epoch: '3', leaseRemainingMs: 0 },
  'lease long ended': { kind: 'running', fingerprint: 'f', epoch: '3', leaseRemainingMs: -99_999 },
  finished: { kind: 'finished', fingerprint: 'f' },
};
const askers: Readonly<Record<Asker, Parameters<typeof decide>[1]>> = {
  'same content, fresh': { fingerprint: 'f', waitedMs: 0, waitMsMax: 1000, hasLostTakeOver: false },
  'same content, waiting': { fingerprint: 'f', waitedMs: 400, waitMsMax: 1000, hasLostTakeOver: false },
  'same content, out of patience': { fingerprint: 'f', waitedMs: 1000, waitMsMax: 1000, hasLostTakeOver: false },
  'lost a take-over': { fingerprint: 'f', waitedMs: 400, waitMsMax: 1000, hasLostTakeOver: true },
  'lost a take-over, out of patience': { fingerprint: 'f', waitedMs: 1000, waitMsMax: 1000, hasLostTakeOver: true },
  'other content': { fingerprint: 'g', waitedMs: 0, waitMsMax: 1000, hasLostTakeOver: false },
};
const claim: KeyAction = { kind: 'claim' };
const takeOver: KeyAction = { kind: 'take-over', epoch: '3' };
const replay: KeyAction = { kind: 'replay' };
const mismatch: KeyAction = { kind: 'refuse-mismatch' };

const expected: Readonly<Record<Case, Readonly<Record<Asker, KeyAction>>>> = {
  absent: {
    'same content, fresh': claim,
    'same content, waiting': claim,
    'same content, out of patience': claim,
    'lost a take-over': claim,
    'lost a take-over, out of patience': claim,
    'other content': claim,
  },
  held: {
    'same content, fresh': { kind: 'wait', delayMs: 10 },
    'same content, waiting': { kind: 'wait', delayMs: 200 },
    'same content, out of patience': { kind: 'refuse-in-progress', retryAfterMs: 1234 },
    'lost a take-over': { kind: 'wait', delayMs: 200 },
    'lost a take-over, out of patience': { kind: 'refuse-in-progress', retryAfterMs: 1234 },
    'other content': mismatch,
  },
  'lease just ended': {
    'same content, fresh': takeOver,
    'same content, waiting': takeOver,
    'same content, out of patience': takeOver,
    'lost a take-over': takeOver,
    'lost a take-over, out of patience': { kind: 'refuse-in-progress', retryAfterMs: 0 },
    'other content': mismatch,
  },
  'lease long ended': {
    'same content, fresh': takeOver,
    'same content, waiting': takeOver,
    'same content, out of patience': takeOver,
    'lost a take-over': takeOver,
    'lost a take-over, out of patience': { kind: 'refuse-in-progress', retryAfterMs: 0 },
    'other content': mismatch,
  },
  finished: {
    'same content, fresh': replay,
    'same content, waiting': replay,
    'same content, out of patience': replay,
    'lost a take-over': replay,
    'lost a take-over, out of patience': replay,
    'other content': mismatch,
  },
};

describe('what is done about a key', () => {
  for (const [name, actions] of Object.entries(expected) as [Case, Readonly<Record<Asker, KeyAction>>][]) {
    for (const [asker, action] of Object.entries(actions) as [Asker, KeyAction][]) {
      it(`${name}, ${asker}: ${action.kind}`, () => assert.deepEqual(decide(states[name], askers[asker]), action));
    }
  }

  it('is never a wait beyond the lease or the patience', () => {
    for (const leaseRemainingMs of [0.25, 3, 100, 10_000]) {
      for (const waitedMs of [0, 1, 50, 900, 999.5]) {
        const state: KeyState = { kind: 'running', fingerprint: 'f', epoch: '1', leaseRemainingMs };
        const action = decide(state, { fingerprint: 'f', waitedMs, waitMsMax: 1000, hasLostTakeOver: false });
        assert.ok(action.kind === 'wait' && action.delayMs > 0);
        assert.ok(action.delayMs <= Math.min(250, Math.ceil(leaseRemainingMs), Math.ceil(1000 - waitedMs)));
      }
    }
  });
});
