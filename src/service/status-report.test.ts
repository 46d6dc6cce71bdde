import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { resolveConfig } from './config.ts';
import { buildStatus } from './build-status.ts';
import { toSequence } from '../model/position.ts';
import { hasProblem, type LaneReport, type ReportedError, type SourceReport } from './status-report.ts';

const error: ReportedError = { code: 'HW-SOURCE-023', message: 'no connection', hint: 'start the server' };

function problem(source: Partial<SourceReport>, laneStates: readonly LaneReport['state'][] = []): boolean {
  const now = new Date(0);
  const report = buildStatus({
    config: resolveConfig({ source: { url: 'postgres://localhost/shop' } }),
    state: 'running',
    startedAt: now,
    now,
    journalId: 'j',
    owner: { pid: 1, host: 'a', since: now.toISOString(), epoch: 1 },
    takeover: undefined,
    capture: undefined,
    extent: { first: toSequence(1n), last: toSequence(0n), byteCount: 0, oldestCommitMicros: undefined },
    lanes: [],
  });
  const lanes = laneStates.map((state) => ({ state }) as LaneReport);
  return hasProblem({ source: { ...report.source, ...source }, lanes });
}

describe('the status of a running Headwater', () => {
  it('is a problem while a start is tried again, or anything has failed', () => {
    assert.equal(problem({ state: 'starting', error }), true);
    assert.equal(problem({ state: 'reconnecting', error }), true);
    assert.equal(problem({ state: 'failed', error }), true);
    assert.equal(problem({ state: 'streaming', error: null }, ['running', 'retrying']), true);
    assert.equal(problem({ state: 'streaming', error: null }, ['failed']), true);
  });

  it('is none while everything runs or begins', () => {
    assert.equal(problem({ state: 'starting', error: null }, ['starting']), false);
    assert.equal(problem({ state: 'streaming', error }, ['running', 'paused', 'draining']), false);
  });
});
