import { assertInvariant } from '../../../foundation/assert.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { unreachable } from '../../../foundation/assert.ts';
import { formatLsn, maxLsn, type Lsn } from '../../../model/lsn.ts';
import type { CommitBoundary } from '../../../model/transaction.ts';

/*
 * What happens to the transactions of a replication stream, and what may be confirmed. No I/O, no clock.
 *
 *              begin, new                      commit with records: append
 *   between ─────────────────► recording ────► commit without: discard, progress ───► between
 *      │    begin, known       dropping  ────► commit: discard, duplicate if any ───► between
 *      │    begin, passed      doubtful  ────► commit without records: discard   ───► between
 *      └── any impossible order, or a passed transaction with records ───────────► stopped
 *
 * `known`: it ended at or before the last recorded commit. A commit record that starts before that end also ends there, so
 * the begin message tells already. `passed`: it lies before the recorded location without being the journal's. That is
 * right for transactions without records of ours, which are passed by progress alone, and for no other.
 *
 * I1  confirmed ≤ durable ≤ appended ≤ received, all of one server, timeline and slot.
 * I2  Only what a recorder's flush reported as durable is confirmed, and never backwards.
 * I3  Progress is recorded between transactions only, never while one is in flight.
 * I4  A transaction is appended once: its end lies behind everything appended before.
 */

/** Where the stream is; every location only grows. */
export interface StreamPositions {
  /** The largest location that the server has told of. */
  readonly receivedLsn: Lsn;
  /** The recorder was given everything of ours before it. */
  readonly appendedLsn: Lsn;
  /** The recorder made everything of ours before it durable. */
  readonly durableLsn: Lsn;
  /** What the server was last told; it may remove its WAL before it. */
  readonly confirmedLsn: Lsn;
  readonly lastCommitEndLsn: Lsn;
  /** Nothing of ours comes before it; not yet given to the recorder unless equal to `appendedLsn`. */
  readonly passedLsn: Lsn;
  /**
   * The slot stands before the end of the last recorded commit, so that transaction must come again before any new one.
   * If it does not, the server has another history than the journal, restored to an earlier state on the same timeline.
   */
  readonly awaitedCommitEndLsn: Lsn | undefined;
  /** The server waits for an answer that moves on. */
  readonly isStatusOwed: boolean;
}

interface InTransaction {
  readonly positions: StreamPositions;
  readonly xid: number;
  readonly commitLsn: Lsn;
}

/** Where the stream is: between transactions, in one of the three ways of being in a transaction, or stopped for good. */
export type StreamState =
  | { readonly kind: 'between'; readonly positions: StreamPositions }
  | ({ readonly kind: 'recording' } & InTransaction)
  | ({ readonly kind: 'dropping' } & InTransaction)
  | ({ readonly kind: 'doubtful' } & InTransaction)
  | { readonly kind: 'stopped'; readonly positions: StreamPositions };

/** What the stream brought and what became durable, in the order in which it happened. */
export type StreamEvent =
  | { readonly kind: 'begin'; readonly xid: number; readonly commitLsn: Lsn }
  | { readonly kind: 'commit'; readonly boundary: CommitBoundary; readonly recordCount: number }
  | { readonly kind: 'keepalive'; readonly walEnd: Lsn; readonly isReplyRequested: boolean }
  | { readonly kind: 'flushed'; readonly recordedLsn: Lsn }
  | { readonly kind: 'status-due' };

/** Why a transaction is not appended: the journal has it already, or it holds neither a change nor an event of ours. */
export type DiscardReason = 'duplicate' | 'no-record';

/** What the driver does next. `stop` ends the session with this code; nothing is confirmed after it. */
export type StreamEffect =
  | { readonly kind: 'append'; readonly boundary: CommitBoundary }
  | { readonly kind: 'discard'; readonly reason: DiscardReason }
  | { readonly kind: 'record-progress'; readonly lsn: Lsn }
  | { readonly kind: 'send-status'; readonly receivedLsn: Lsn; readonly confirmedLsn: Lsn }
  | { readonly kind: 'stop'; readonly code: ErrorCode; readonly reason: string };

/** The next state, and the effects to apply in this order. */
export interface StreamTransition {
  readonly state: StreamState;
  readonly effects: readonly StreamEffect[];
}

/** The locations that a stream starts from. The slot never stands beyond what is recorded (I1). */
export interface StreamBeginning {
  /** What the journal holds. */
  readonly recordedLsn: Lsn;
  readonly lastCommitEndLsn: Lsn;
  /** Where the slot stands: the server sends every commit behind it. */
  readonly slotLsn: Lsn;
}

/** The state of a stream that begins at the slot's position. */
export function createStreamState(beginning: StreamBeginning): StreamState {
  const { recordedLsn, lastCommitEndLsn, slotLsn } = beginning;
  assertInvariant(lastCommitEndLsn <= recordedLsn, 'the last recorded commit ends at or before the recorded location');
  assertInvariant(slotLsn <= recordedLsn, 'I1: the slot was never confirmed beyond the recorded location');
  return {
    kind: 'between',
    positions: {
      receivedLsn: recordedLsn,
      appendedLsn: recordedLsn,
      durableLsn: recordedLsn,
      confirmedLsn: slotLsn,
      lastCommitEndLsn,
      passedLsn: recordedLsn,
      awaitedCommitEndLsn: slotLsn < lastCommitEndLsn ? lastCommitEndLsn : undefined,
      isStatusOwed: false,
    },
  };
}

/** Decides what is recorded and what is confirmed to the source. A stopped stream stays stopped and asks for nothing. */
export function transition(state: StreamState, event: StreamEvent): StreamTransition {
  if (state.kind === 'stopped') return { state, effects: [] };
  switch (event.kind) {
    case 'begin':
      return begin(state, event);
    case 'commit':
      return commit(state, event);
    case 'keepalive':
      return keepalive(state, event);
    case 'flushed':
      return flushed(state, event.recordedLsn);
    case 'status-due':
      return reportStatus(state, false);
    default:
      return unreachable(event);
  }
}

type OpenState = Exclude<StreamState, { kind: 'stopped' }>;

function begin(state: OpenState, event: Extract<StreamEvent, { kind: 'begin' }>): StreamTransition {
  if (state.kind !== 'between') {
    return stop(state, 'HW-CAPTURE-009', `transaction ${event.xid} begins inside transaction ${state.xid}`);
  }
  const { positions } = state;
  const { xid, commitLsn } = event;
  if (positions.awaitedCommitEndLsn !== undefined && commitLsn >= positions.lastCommitEndLsn) {
    const awaited = `the recorded transaction that ends at ${formatLsn(positions.awaitedCommitEndLsn)} did not come again`;
    return stop(state, 'HW-CAPTURE-008', `${awaited} before transaction ${xid} at ${formatLsn(commitLsn)}`);
  }
  const kind =
    commitLsn < positions.lastCommitEndLsn ? 'dropping' : commitLsn < positions.appendedLsn ? 'doubtful' : 'recording';
  return { state: { kind, positions, xid, commitLsn }, effects: [] };
}

function commit(state: OpenState, event: Extract<StreamEvent, { kind: 'commit' }>): StreamTransition {
  const { boundary, recordCount } = event;
  if (state.kind === 'between') {
    return stop(state, 'HW-CAPTURE-009', `a commit at ${formatLsn(boundary.commitLsn)} without a begin`);
  }
  if (boundary.commitLsn !== state.commitLsn || boundary.commitEndLsn <= boundary.commitLsn) {
    const told = `${formatLsn(boundary.commitLsn)} to ${formatLsn(boundary.commitEndLsn)}`;
    return stop(
      state,
      'HW-CAPTURE-009',
      `transaction ${state.xid} commits at ${told}, its begin said ${formatLsn(state.commitLsn)}`,
    );
  }
  const { positions } = state;
  const end = boundary.commitEndLsn;
  const receivedLsn = maxLsn(positions.receivedLsn, end);
  switch (state.kind) {
    case 'dropping':
      assertInvariant(
        end <= positions.lastCommitEndLsn,
        'a commit that starts before the last recorded end also ends there',
      );
      return {
        state: between({
          ...positions,
          receivedLsn,
          awaitedCommitEndLsn: end === positions.awaitedCommitEndLsn ? undefined : positions.awaitedCommitEndLsn,
        }),
        effects: [{ kind: 'discard', reason: recordCount > 0 ? 'duplicate' : 'no-record' }],
      };
    case 'doubtful':
      if (recordCount > 0) {
        const recorded = `the recorded location is ${formatLsn(positions.appendedLsn)}`;
        return stop(
          state,
          'HW-CAPTURE-008',
          `transaction ${state.xid} ends at ${formatLsn(end)} with records, and ${recorded}`,
        );
      }
      return { state: between({ ...positions, receivedLsn }), effects: [{ kind: 'discard', reason: 'no-record' }] };
    case 'recording': {
      assertInvariant(
        end > positions.appendedLsn && end > positions.lastCommitEndLsn,
        'I4: commits are appended in the order of their ends',
      );
      if (recordCount === 0) {
        const passed = { ...positions, receivedLsn, passedLsn: maxLsn(positions.passedLsn, end) };
        return { state: between(passed), effects: [{ kind: 'discard', reason: 'no-record' }] };
      }
      const appended = {
        ...positions,
        receivedLsn,
        appendedLsn: end,
        lastCommitEndLsn: end,
        passedLsn: maxLsn(positions.passedLsn, end),
      };
      return { state: between(appended), effects: [{ kind: 'append', boundary }] };
    }
    default:
      return unreachable(state);
  }
}

function keepalive(state: OpenState, event: Extract<StreamEvent, { kind: 'keepalive' }>): StreamTransition {
  const receivedLsn = maxLsn(state.positions.receivedLsn, event.walEnd);
  const told = { ...state, positions: { ...state.positions, receivedLsn } };
  // I3: inside a transaction the server's location says nothing about what we have.
  const heard =
    told.kind === 'between'
      ? between({ ...told.positions, passedLsn: maxLsn(told.positions.passedLsn, event.walEnd) })
      : told;
  return event.isReplyRequested ? reportStatus(heard, true) : { state: heard, effects: [] };
}

function flushed(state: OpenState, recordedLsn: Lsn): StreamTransition {
  const { positions } = state;
  assertInvariant(recordedLsn >= positions.durableLsn, 'I2: the durable end never goes back');
  assertInvariant(recordedLsn <= positions.appendedLsn, 'I1: nothing is durable that was not appended');
  const isStatusOwed = positions.isStatusOwed && recordedLsn < positions.appendedLsn;
  const durable = { ...state, positions: { ...positions, durableLsn: recordedLsn, isStatusOwed } };
  return positions.isStatusOwed ? sendStatus(durable) : { state: durable, effects: [] };
}

/** Sends what is durable now; what is passed becomes durable first and is sent behind its flush. */
function reportStatus(state: OpenState, isMoveAwaited: boolean): StreamTransition {
  const { positions } = state;
  const hasProgress = state.kind === 'between' && positions.passedLsn > positions.appendedLsn;
  const appendedLsn = hasProgress ? positions.passedLsn : positions.appendedLsn;
  const isStatusOwed = positions.isStatusOwed || ((isMoveAwaited || hasProgress) && appendedLsn > positions.durableLsn);
  const status = sendStatus({ ...state, positions: { ...positions, appendedLsn, isStatusOwed } });
  if (!hasProgress) return status;
  return { state: status.state, effects: [...status.effects, { kind: 'record-progress', lsn: appendedLsn }] };
}

function sendStatus(state: OpenState): StreamTransition {
  const { positions } = state;
  // A slot behind the last recorded commit may be that of a restored server. It is moved only when that commit came again,
  // or the next session would have nothing left to tell the difference by.
  const confirmedLsn = positions.awaitedCommitEndLsn === undefined ? positions.durableLsn : positions.confirmedLsn;
  assertInvariant(confirmedLsn >= positions.confirmedLsn, 'I2: a confirmation never goes back');
  assertInvariant(confirmedLsn <= positions.receivedLsn, 'I1: nothing is confirmed that was not received');
  return {
    state: { ...state, positions: { ...positions, confirmedLsn } },
    effects: [{ kind: 'send-status', receivedLsn: positions.receivedLsn, confirmedLsn }],
  };
}

function between(positions: StreamPositions): OpenState {
  return { kind: 'between', positions };
}

function stop(state: OpenState, code: ErrorCode, reason: string): StreamTransition {
  return { state: { kind: 'stopped', positions: state.positions }, effects: [{ kind: 'stop', code, reason }] };
}
