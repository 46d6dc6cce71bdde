import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LaneStatus } from '../delivery/lane-status.ts';
import { toInstant } from '../foundation/clock.ts';
import { toSequence } from '../model/position.ts';
import { buildStatus } from './build-status.ts';
import { resolveConfig } from './config.ts';

test('a lane that never reached its sink is as far behind as the oldest transaction, not fresh', () => {
  assert.deepEqual(freshness({ transactionCount: 7n, ageMs: 0 }), [60_000]);
  assert.deepEqual(freshness({ transactionCount: 7n, ageMs: 5 }), [5]);
  assert.deepEqual(freshness({ transactionCount: 0n, ageMs: 0 }), [0]);
});

function freshness(lag: Pick<LaneStatus['lag'], 'transactionCount' | 'ageMs'>): readonly number[] {
  const now = new Date('2026-01-01T00:01:00Z');
  const extent = {
    first: toSequence(1n),
    last: toSequence(7n),
    byteCount: 1000,
    oldestCommitMicros: 1_767_225_600_000_000n,
  };
  const lane: LaneStatus = {
    name: 'copy',
    originalName: 'copy',
    sinkKind: 'postgres',
    target: 'copy',
    condition: 'retrying',
    since: toInstant(now.getTime()),
    checkpoint: undefined,
    lag: { ...lag, pendingRecordCount: 0, pendingByteCount: 0 },
    lastFailure: undefined,
    deliveredCount: 0,
    filteredCount: 0,
    retryCount: 0,
    parkedKeyCount: 0,
    parkedRecordCount: 0,
    leftOut: { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 },
    isComplete: true,
    uncopiedTables: [],
    origin: undefined,
    beganLater: false,
  };
  const config = resolveConfig({ source: { url: 'postgres://localhost/shop' } });
  const owner = { pid: 1, host: 'a', since: now.toISOString(), epoch: 1 };
  const parts = {
    config,
    state: 'running',
    startedAt: now,
    now,
    journalId: 'j',
    owner,
    takeover: undefined,
    capture: undefined,
    extent,
  } as const;
  return buildStatus({ ...parts, lanes: [lane] }).lanes.map(({ freshnessMs }) => freshnessMs);
}
