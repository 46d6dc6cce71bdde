import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { resolveLaneOptions, type ResolvedLaneOptions } from '../delivery/lane-options.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import { toSequence } from '../model/position.ts';
import { planLeg, type TracedLane, type TraceLeg } from './trace-leg.ts';

const error = { code: 'HW-SINK-050', message: 'no', hint: 'yes' };
const lane: TracedLane = {
  name: 'search',
  originalName: 'search',
  sink: 'handler',
  target: 'search',
  state: 'running',
  origin: 0n,
  sequence: 9n,
  recordCount: 0,
  gap: undefined,
  error: null,
  aside: [],
};
const options = resolveLaneOptions({
  sink: { kind: 'handler', target: 'search', open: () => Promise.reject(new Error('nothing is opened')) },
});

/** Sequence 10, ordinal 2. */
function record(kind = 'insert', lanes?: readonly string[]): Pick<OutboundRecord, 'record' | 'header'> {
  return { record: { kind, ordinal: 2, lanes }, header: { sequence: toSequence(10n) } } as never;
}

function legOf(
  change: Partial<TracedLane>,
  more: Partial<ResolvedLaneOptions> = {},
  of: ReturnType<typeof record> = record(),
): TraceLeg {
  return planLeg(of, { ...lane, ...change }, { ...options, ...more });
}

describe('the leg of a record to a sink', () => {
  it('is acknowledged exactly where the checkpoint has passed the record', () => {
    const cases: readonly (readonly [bigint, number, TraceLeg['outcome'], string | null])[] = [
      [0n, 0, 'waiting', '9'],
      [8n, 99, 'waiting', '1'],
      [9n, 0, 'waiting', '0'],
      [9n, 2, 'waiting', '0'],
      [9n, 3, 'acknowledged', null],
      [10n, 0, 'acknowledged', null],
      [11n, 0, 'acknowledged', null],
    ];
    for (const [sequence, recordCount, outcome, before] of cases) {
      const leg = legOf({ sequence, recordCount });
      assert.deepEqual([leg.outcome, leg.transactionsBefore], [outcome, before], `${sequence}/${recordCount}`);
    }
  });

  it('is left out by the filter, the sink, or a copy for other lanes, passed or not', () => {
    for (const sequence of [0n, 20n]) {
      assert.equal(legOf({ sequence }, { filter: () => false }).leftOutBy, 'filter');
      assert.equal(legOf({ sequence }, { filter: () => true }).leftOutBy, null);
      assert.equal(legOf({ sequence }, { sink: { ...options.sink, accepts: () => false } }).leftOutBy, 'sink');
      assert.equal(legOf({ sequence }, {}, record('read', ['other'])).leftOutBy, 'copy');
      assert.equal(legOf({ sequence }, {}, record('read', ['search'])).leftOutBy, null);
      const renamed = { sequence, name: 'find' };
      assert.equal(legOf(renamed, {}, record('read', ['search'])).leftOutBy, null, 'a copy goes by the first name');
    }
  });

  it('never claims an acknowledgement for what came before the lane, was lost, or is not known', () => {
    assert.equal(legOf({ origin: 10n, sequence: 20n }).outcome, 'before-start');
    assert.equal(legOf({ origin: 9n, sequence: 20n }).outcome, 'acknowledged');
    const gap = { firstLost: toSequence(10n), lastLost: toSequence(12n) };
    assert.equal(legOf({ gap }).outcome, 'lost');
    assert.equal(legOf({ gap: { ...gap, firstLost: toSequence(11n) } }).outcome, 'waiting');
    assert.equal(legOf({ origin: undefined, sequence: undefined }).outcome, 'never-started');
    assert.equal(legOf({ state: 'unknown' }).outcome, 'unknown');
  });

  it('is never called acknowledged where the record was parked, waits behind one, or was dropped', () => {
    const aside = { sequence: 10n, ordinal: 2, behind: null, reason: null, error: null };
    for (const sequence of [9n, 20n]) {
      const parked = legOf({ sequence, aside: [{ ...aside, kind: 'parked', error }] });
      assert.deepEqual([parked.outcome, parked.error], ['parked', error]);
      const behind = legOf({ sequence, aside: [{ ...aside, kind: 'behind-parked', behind: 'a' }] });
      assert.deepEqual([behind.outcome, behind.behind], ['behind-parked', 'a']);
      const dropped = legOf({ sequence, aside: [{ ...aside, kind: 'dropped', reason: 'a test' }] });
      assert.deepEqual([dropped.outcome, dropped.reason], ['dropped', 'a test']);
    }
    for (const other of [
      { sequence: 11n, ordinal: 2 },
      { sequence: 10n, ordinal: 1 },
    ]) {
      const leg = legOf({ sequence: 20n, aside: [{ ...aside, ...other, kind: 'parked', error }] });
      assert.equal(leg.outcome, 'acknowledged', 'of another record');
    }
  });

  it('says why a lane does not get on', () => {
    assert.deepEqual(legOf({ state: 'failed', error }).error, error);
    assert.equal(legOf({ state: 'failed', error, sequence: 10n }).error, null, 'what it fails at came later');
  });
});
