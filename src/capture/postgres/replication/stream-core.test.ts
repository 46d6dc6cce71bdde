import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { toLsn, type Lsn } from '../../../model/lsn.ts';
import {
  createStreamState,
  transition,
  type StreamEvent,
  type StreamPositions,
  type StreamState,
} from './stream-core.ts';

const lsn = (value: number): Lsn => toLsn(BigInt(value));

const positions: StreamPositions = {
  receivedLsn: lsn(100),
  appendedLsn: lsn(100),
  durableLsn: lsn(100),
  confirmedLsn: lsn(100),
  lastCommitEndLsn: lsn(80),
  passedLsn: lsn(100),
  awaitedCommitEndLsn: undefined,
  isStatusOwed: false,
};

const states: Record<StreamState['kind'], StreamState> = {
  between: { kind: 'between', positions },
  recording: { kind: 'recording', positions, xid: 7, commitLsn: lsn(200) },
  dropping: { kind: 'dropping', positions, xid: 7, commitLsn: lsn(60) },
  doubtful: { kind: 'doubtful', positions, xid: 7, commitLsn: lsn(90) },
  stopped: { kind: 'stopped', positions },
};

const boundary = (commitLsn: number, end: number) => ({
  xid: 7,
  commitLsn: lsn(commitLsn),
  commitEndLsn: lsn(end),
  commitTimeMicros: 0n,
});

const events = {
  'begin, new': { kind: 'begin', xid: 8, commitLsn: lsn(200) },
  'begin at the recorded end': { kind: 'begin', xid: 8, commitLsn: lsn(100) },
  'begin, known': { kind: 'begin', xid: 8, commitLsn: lsn(79) },
  'begin, passed': { kind: 'begin', xid: 8, commitLsn: lsn(80) },
  'commit, new, with records': { kind: 'commit', boundary: boundary(200, 210), recordCount: 3 },
  'commit, new, without': { kind: 'commit', boundary: boundary(200, 210), recordCount: 0 },
  'commit, known': { kind: 'commit', boundary: boundary(60, 80), recordCount: 3 },
  'commit, passed, with records': { kind: 'commit', boundary: boundary(90, 95), recordCount: 1 },
  'commit, passed, without': { kind: 'commit', boundary: boundary(90, 95), recordCount: 0 },
  keepalive: { kind: 'keepalive', walEnd: lsn(300), isReplyRequested: false },
  'keepalive, reply requested': { kind: 'keepalive', walEnd: lsn(300), isReplyRequested: true },
  flushed: { kind: 'flushed', recordedLsn: lsn(100) },
  'status-due': { kind: 'status-due' },
} as const satisfies Record<string, StreamEvent>;

/** The next state and the kinds of the effects, in order. */
type Expected = readonly [StreamState['kind'], ...string[]];

const order = ['stopped', 'stop HW-CAPTURE-009'] as const;
const ignored = ['stopped'] as const;

const table: Record<StreamState['kind'], Record<keyof typeof events, Expected>> = {
  between: {
    'begin, new': ['recording'],
    'begin at the recorded end': ['recording'],
    'begin, known': ['dropping'],
    'begin, passed': ['doubtful'],
    'commit, new, with records': order,
    'commit, new, without': order,
    'commit, known': order,
    'commit, passed, with records': order,
    'commit, passed, without': order,
    keepalive: ['between'],
    'keepalive, reply requested': ['between', 'send-status', 'record-progress'],
    flushed: ['between'],
    'status-due': ['between', 'send-status'],
  },
  recording: {
    'begin, new': order,
    'begin at the recorded end': order,
    'begin, known': order,
    'begin, passed': order,
    'commit, new, with records': ['between', 'append'],
    'commit, new, without': ['between', 'discard no-record'],
    'commit, known': order,
    'commit, passed, with records': order,
    'commit, passed, without': order,
    keepalive: ['recording'],
    'keepalive, reply requested': ['recording', 'send-status'],
    flushed: ['recording'],
    'status-due': ['recording', 'send-status'],
  },
  dropping: {
    'begin, new': order,
    'begin at the recorded end': order,
    'begin, known': order,
    'begin, passed': order,
    'commit, new, with records': order,
    'commit, new, without': order,
    'commit, known': ['between', 'discard duplicate'],
    'commit, passed, with records': order,
    'commit, passed, without': order,
    keepalive: ['dropping'],
    'keepalive, reply requested': ['dropping', 'send-status'],
    flushed: ['dropping'],
    'status-due': ['dropping', 'send-status'],
  },
  doubtful: {
    'begin, new': order,
    'begin at the recorded end': order,
    'begin, known': order,
    'begin, passed': order,
    'commit, new, with records': order,
    'commit, new, without': order,
    'commit, known': order,
    'commit, passed, with records': ['stopped', 'stop HW-CAPTURE-008'],
    'commit, passed, without': ['between', 'discard no-record'],
    keepalive: ['doubtful'],
    'keepalive, reply requested': ['doubtful', 'send-status'],
    flushed: ['doubtful'],
    'status-due': ['doubtful', 'send-status'],
  },
  stopped: {
    'begin, new': ignored,
    'begin at the recorded end': ignored,
    'begin, known': ignored,
    'begin, passed': ignored,
    'commit, new, with records': ignored,
    'commit, new, without': ignored,
    'commit, known': ignored,
    'commit, passed, with records': ignored,
    'commit, passed, without': ignored,
    keepalive: ignored,
    'keepalive, reply requested': ignored,
    flushed: ignored,
    'status-due': ignored,
  },
};

describe('stream core', () => {
  for (const [stateKind, row] of Object.entries(table)) {
    for (const [eventName, expected] of Object.entries(row)) {
      test(`${stateKind}, ${eventName}: ${expected.join(', ')}`, () => {
        const { state, effects } = transition(
          states[stateKind as StreamState['kind']],
          events[eventName as keyof typeof events],
        );
        const kinds = effects.map((effect) => {
          if (effect.kind === 'discard') return `discard ${effect.reason}`;
          return effect.kind === 'stop' ? `stop ${effect.code}` : effect.kind;
        });
        assert.deepEqual([state.kind, ...kinds], expected);
      });
    }
  }

  test('I3: a keepalive inside a transaction confirms nothing of it, and records no progress', () => {
    const heard = transition(states.recording, events.keepalive).state;
    const { state, effects } = transition(heard, events['status-due']);
    assert.deepEqual(effects, [{ kind: 'send-status', receivedLsn: lsn(300), confirmedLsn: lsn(100) }]);
    assert.equal(state.positions.passedLsn, lsn(100));
  });

  test('I2: progress is confirmed only after its flush, and then at once when the server waits for it', () => {
    const asked = transition(states.between, events['keepalive, reply requested']);
    assert.deepEqual(asked.effects, [
      { kind: 'send-status', receivedLsn: lsn(300), confirmedLsn: lsn(100) },
      { kind: 'record-progress', lsn: lsn(300) },
    ]);
    const durable = transition(asked.state, { kind: 'flushed', recordedLsn: lsn(300) });
    assert.deepEqual(durable.effects, [{ kind: 'send-status', receivedLsn: lsn(300), confirmedLsn: lsn(300) }]);
    assert.equal(durable.state.positions.isStatusOwed, false);
  });

  test('I1 and I2: a recorder that reports more than was appended, or goes back, stops capture', () => {
    assert.throws(() => transition(states.between, { kind: 'flushed', recordedLsn: lsn(101) }), {
      code: 'HW-INTERNAL-002',
    });
    assert.throws(() => transition(states.between, { kind: 'flushed', recordedLsn: lsn(99) }), {
      code: 'HW-INTERNAL-002',
    });
    assert.throws(() => createStreamState({ recordedLsn: lsn(5), lastCommitEndLsn: lsn(5), slotLsn: lsn(6) }), {
      code: 'HW-INTERNAL-002',
    });
  });

  test('a slot behind the last recorded commit must send that again before anything new', () => {
    const start = createStreamState({ recordedLsn: lsn(100), lastCommitEndLsn: lsn(80), slotLsn: lsn(10) });
    const missing = transition(start, events['begin, new']);
    assert.deepEqual([missing.state.kind, missing.effects[0]?.kind], ['stopped', 'stop']);
    const known = transition(
      transition(start, { kind: 'begin', xid: 7, commitLsn: lsn(60) }).state,
      events['commit, known'],
    );
    assert.equal(transition(known.state, events['begin, new']).state.kind, 'recording');
  });

  test('a slot behind the last recorded commit is not moved before that came again', () => {
    const start = createStreamState({ recordedLsn: lsn(100), lastCommitEndLsn: lsn(80), slotLsn: lsn(10) });
    const waiting = transition(start, events['status-due']);
    assert.deepEqual(waiting.effects, [{ kind: 'send-status', receivedLsn: lsn(100), confirmedLsn: lsn(10) }]);
    const begun = transition(waiting.state, { kind: 'begin', xid: 7, commitLsn: lsn(60) }).state;
    const known = transition(begun, events['commit, known']).state;
    assert.deepEqual(transition(known, events['status-due']).effects, [
      { kind: 'send-status', receivedLsn: lsn(100), confirmedLsn: lsn(100) },
    ]);
  });

  test('any stream keeps confirmed ≤ durable ≤ appended ≤ received, appends each commit once, and never goes back', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 60 }), fc.nat(400), (steps, restartAt) => {
        runStream(steps, restartAt);
      }),
    );
  });
});

type Step =
  | { readonly kind: 'transaction'; readonly recordCount: number; readonly isAskedInside: boolean }
  | { readonly kind: 'keepalive'; readonly isReplyRequested: boolean }
  | { readonly kind: 'flush' }
  | { readonly kind: 'status' };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('transaction' as const), recordCount: fc.nat(2), isAskedInside: fc.boolean() }),
  fc.record({ kind: fc.constant('keepalive' as const), isReplyRequested: fc.boolean() }),
  fc.record({ kind: fc.constant('flush' as const) }),
  fc.record({ kind: fc.constant('status' as const) }),
);

/** A server whose WAL holds every step's bytes; the recorder dies once at `restartAt`, and the slot stands where it was confirmed. */
function runStream(steps: readonly Step[], restartAt: number): void {
  const wal: Step[] = [...steps];
  let durable = { recordedLsn: lsn(1), lastCommitEndLsn: lsn(1), commits: [] as number[] };
  let confirmed = lsn(1);
  for (const isRestarted of [false, true]) {
    let state = createStreamState({ ...durable, slotLsn: confirmed });
    let appended = durable;
    const step = (event: StreamEvent): void => {
      const next = transition(state, event);
      state = next.state;
      for (const effect of next.effects) {
        if (effect.kind === 'append') {
          const end = effect.boundary.commitEndLsn;
          assert.ok(!appended.commits.includes(Number(end)), 'I4: once');
          appended = { recordedLsn: end, lastCommitEndLsn: end, commits: [...appended.commits, Number(end)] };
        } else if (effect.kind === 'record-progress') {
          appended = { ...appended, recordedLsn: effect.lsn };
        } else if (effect.kind === 'send-status') {
          assert.ok(effect.confirmedLsn >= confirmed && effect.confirmedLsn <= durable.recordedLsn, 'I2');
          confirmed = effect.confirmedLsn;
        } else if (effect.kind === 'stop') {
          assert.fail(effect.reason);
        }
      }
      const at = state.positions;
      assert.ok(
        at.confirmedLsn <= at.durableLsn && at.durableLsn <= at.appendedLsn && at.appendedLsn <= at.receivedLsn,
        'I1',
      );
    };
    for (const [index, one] of wal.entries()) {
      const at = 10 + index * 10;
      if (!isRestarted && at > restartAt) break;
      if (one.kind === 'transaction' && lsn(at) >= confirmed) {
        step({ kind: 'begin', xid: index, commitLsn: lsn(at) });
        if (one.isAskedInside) step({ kind: 'keepalive', walEnd: lsn(at), isReplyRequested: true });
        step({ kind: 'commit', boundary: boundary(at, at + 5), recordCount: one.recordCount });
      }
      if (one.kind === 'keepalive' && lsn(at) >= confirmed)
        step({ kind: 'keepalive', walEnd: lsn(at), isReplyRequested: one.isReplyRequested });
      if (one.kind === 'status') step({ kind: 'status-due' });
      if (one.kind === 'flush') {
        durable = appended;
        step({ kind: 'flushed', recordedLsn: durable.recordedLsn });
      }
    }
    if (isRestarted) {
      const wanted = wal.flatMap((one, index) =>
        one.kind === 'transaction' && one.recordCount > 0 ? [15 + index * 10] : [],
      );
      assert.deepEqual(appended.commits, wanted, 'each transaction with records once, in order, over the crash');
    }
  }
}
