import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HeadwaterError } from '../foundation/error.ts';
import { defaultRetryPolicy } from '../foundation/retry.ts';
import { toLsn } from '../model/lsn.ts';
import { sequenceZero, toSequence } from '../model/position.ts';
import { type Checkpoint, checkpointBehind } from './checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-text.ts';
import { type ConfiguredLane, decideIdentity, type LaneIdentity } from './lane-identity.ts';
import { listLanes, readCheckpoint, removeLane, renameLane, writeCheckpoint, writeLane } from './lane-store.ts';
import { decideByHeld, decideRetry } from './retry-decision.ts';
import { assertCheckpointFits, resolveStart } from './start-resolution.ts';
import { createMemoryStates } from '../testing/memory-journal.ts';

const at = (sequence: number, recordCount = 0, journalId = 'j'): Checkpoint => ({
  ...checkpointBehind(journalId, toSequence(BigInt(sequence))),
  recordCount,
});
const trouble = new HeadwaterError('HW-SINK-001', 'away');
const refusal = new HeadwaterError('HW-SINK-007', 'refused');

describe('a failed write', () => {
  test('is tried again below a ceiling that doubles, with full jitter, until the attempts are used up', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, chance) => {
          const decision = decideRetry({ error: trouble, attempt, policy: defaultRetryPolicy, chance });
          assert.equal(decision.kind, 'again');
          assert.ok(
            decision.kind === 'again' &&
              decision.delayMs >= 0 &&
              decision.delayMs <= Math.min(30_000, 100 * 2 ** (attempt - 1)),
          );
        },
      ),
    );
    const policy = { ...defaultRetryPolicy, maxAttempts: 3 };
    assert.equal(decideRetry({ error: trouble, attempt: 2, policy, chance: 0 }).kind, 'again');
    const last = decideRetry({ error: trouble, attempt: 3, policy, chance: 0 });
    assert.ok(last.kind === 'stop' && last.error.code === 'HW-LANE-013' && last.error.cause === trouble);
  });

  test('is not tried again before the time that the other side asked for', () => {
    const asked = new HeadwaterError('HW-WEBHOOK-009', 'overloaded', { retryAfterMs: 60_000 });
    const delayMs = (chance: number): unknown => {
      const decision = decideRetry({ error: asked, attempt: 1, policy: defaultRetryPolicy, chance });
      return decision.kind === 'again' ? decision.delayMs : decision;
    };
    assert.equal(delayMs(0), 60_000);
    assert.equal(delayMs(0.5), 60_050);
  });

  test('is not tried again when waiting cannot mend it', () => {
    const decision = decideRetry({ error: refusal, attempt: 1, policy: defaultRetryPolicy, chance: 0.5 });
    assert.ok(decision.kind === 'stop' && decision.error === refusal);
  });

  test('is judged by what the store holds, whatever that is', () => {
    const write = { durable: at(5), wasHeld: true, from: at(5), to: at(8) };
    const inside = { durable: at(5), wasHeld: true, from: at(5, 100), to: at(5, 200) };
    const cases: readonly (readonly [string, Parameters<typeof decideByHeld>[0], string])[] = [
      ['all of it', { ...write, held: at(8) }, 'acknowledged'],
      ['nothing of it', { ...write, held: at(5) }, 'again'],
      ['a part of it', { ...write, held: at(6) }, 'rewind'],
      ['less than before', { ...write, held: at(3) }, 'rewind'],
      ['more than was written', { ...write, held: at(9) }, 'HW-LANE-009'],
      ['more records than were written', { ...write, held: at(8, 1) }, 'HW-LANE-009'],
      ['nothing any more', { ...write, held: undefined }, 'HW-LANE-008'],
      ['nothing yet', { ...write, wasHeld: false, held: undefined }, 'again'],
      ['another journal', { ...write, held: at(8, 0, 'other') }, 'HW-LANE-001'],
      ['the beginning of a transaction that was open', { ...inside, held: at(5) }, 'rewind'],
      ['nothing yet, with a transaction open', { ...inside, wasHeld: false, held: undefined }, 'rewind'],
    ];
    for (const [name, outcome, expected] of cases) {
      const decision = decideByHeld(outcome);
      assert.equal(decision.kind === 'refuse' ? decision.error.code : decision.kind, expected, name);
      if (decision.kind === 'rewind') assert.deepEqual(decision.to, outcome.held ?? outcome.durable, name);
    }
  });
});

describe('a new lane', () => {
  test('begins at the oldest kept transaction, at now, or at a time', () => {
    const context = { journalId: 'j', first: toSequence(11n), last: toSequence(20n), located: toSequence(15n) };
    assert.deepEqual(resolveStart('beginning', context), at(10));
    assert.deepEqual(resolveStart('now', context), at(20));
    assert.deepEqual(resolveStart({ at: new Date(0) }, context), at(15));
    assert.deepEqual(resolveStart('beginning', { ...context, first: toSequence(1n), last: sequenceZero }), at(0));
  });
});

describe('a checkpoint', () => {
  test('is refused by name where its journal cannot serve it, and the gap is named', () => {
    const extent = { journalId: 'j', first: toSequence(11n), last: toSequence(20n) };
    for (const fitting of [at(10), at(10, 3), at(15), at(19, 7), at(20)]) assertCheckpointFits(fitting, extent);
    assert.throws(() => assertCheckpointFits(at(15, 0, 'other'), extent), { code: 'HW-LANE-001' });
    assert.throws(() => assertCheckpointFits(at(21), extent), { code: 'HW-LANE-002' });
    assert.throws(() => assertCheckpointFits(at(20, 1), extent), { code: 'HW-LANE-002' });
    assert.throws(() => assertCheckpointFits(at(6), extent), {
      code: 'HW-LANE-003',
      details: { gapFrom: '7', gapTo: '10' },
    });
  });

  test('is read as it was written, and nothing else is read', () => {
    const checkpoint: Checkpoint = {
      journalId: '5f2f6f0e-0000-4000-8000-000000000001',
      sequence: toSequence(2n ** 63n),
      recordCount: 4_000_000,
      systemId: '7385112233445566778',
      timeline: 3,
      commitEndLsn: toLsn(2n ** 64n - 1n),
      commitTimeMicros: 1_800_000_000_123_456n,
    };
    const text = encodeCheckpoint(checkpoint);
    assert.equal(
      text,
      '{"version":1,"journalId":"5f2f6f0e-0000-4000-8000-000000000001","sequence":"9223372036854775808","recordCount":4000000,"systemId":"7385112233445566778","timeline":3,"commitEndLsn":"18446744073709551615","commitTimeMicros":"1800000000123456"}',
    );
    assert.deepEqual(decodeCheckpoint(text), checkpoint);
    const released = encodeCheckpoint({ ...checkpoint, releaseCount: 2 });
    assert.equal(released, text.replace('"version":1', '"version":2').replace('4000000', '4000000,"releaseCount":2'));
    assert.deepEqual(decodeCheckpoint(released), { ...checkpoint, releaseCount: 2 });
    assert.throws(() => decodeCheckpoint(released.replace('"version":2', '"version":3')), { code: 'HW-LANE-007' });
    const wrong = [
      '',
      '[]',
      'null',
      '{}',
      text.slice(0, -1),
      text.replace('"version":1', '"version":2'),
      text.replace('"timeline":3,', ''),
    ];
    wrong.push(
      text.replace('4000000', '-1'),
      text.replace('"18446744073709551615"', '1'),
      text.replace('{', '{"more":1,'),
    );
    for (const other of wrong) assert.throws(() => decodeCheckpoint(other), { code: 'HW-LANE-007' }, other);
  });

  test('is kept by the name of its lane until the lane is given up', () => {
    const store = createMemoryStates();
    assert.equal(readCheckpoint(store, 'a'), undefined);
    writeCheckpoint(store, 'a', at(7));
    writeCheckpoint(store, 'b', at(3, 5));
    assert.deepEqual(readCheckpoint(store, 'b'), at(3, 5));
    removeLane(store, 'b');
    assert.equal(readCheckpoint(store, 'b'), undefined);
    assert.deepEqual(readCheckpoint(store, 'a'), at(7));
  });
});

describe('the identity of a lane', () => {
  const recorded: LaneIdentity = {
    name: 'a',
    sinkKind: 'postgres',
    target: 't',
    revision: 1,
    start: 'beginning',
    origin: sequenceZero,
    originalName: 'a',
    functionDigest: 'f',
  };
  const lane: ConfiguredLane = {
    name: 'a',
    sinkKind: 'postgres',
    target: 't',
    revision: 1,
    functionDigest: 'f',
    replaces: undefined,
    renamedFrom: undefined,
    continuesRevision: undefined,
    onChangedFunctions: 'refuse',
  };
  const known = (...configuredNames: string[]): Parameters<typeof decideIdentity>[1] => ({
    recorded: [recorded],
    configuredNames,
  });

  test('is recognised, is new, or is refused by name', () => {
    assert.deepEqual(decideIdentity(lane, known('a')), { kind: 'known', recorded, identity: recorded });
    assert.throws(() => decideIdentity({ ...lane, target: 'u' }, known('a')), { code: 'HW-LANE-005' });
    assert.throws(() => decideIdentity({ ...lane, sinkKind: 'kafka' }, known('a')), { code: 'HW-LANE-005' });
    assert.throws(() => decideIdentity({ ...lane, revision: 2 }, known('a')), { code: 'HW-LANE-006' });
    assert.throws(() => decideIdentity({ ...lane, name: 'b' }, known('b')), { code: 'HW-LANE-004' });
    assert.deepEqual(decideIdentity({ ...lane, name: 'b' }, known('a', 'b')), { kind: 'new', givesUp: undefined });
    assert.deepEqual(decideIdentity({ ...lane, name: 'b', target: 'u' }, known('b')), {
      kind: 'new',
      givesUp: undefined,
    });
    assert.deepEqual(decideIdentity({ ...lane, name: 'b', replaces: 'a' }, known('b')), { kind: 'new', givesUp: 'a' });
    assert.deepEqual(decideIdentity({ ...lane, name: 'b', replaces: 'a' }, known('a', 'b')), {
      kind: 'new',
      givesUp: undefined,
    });
  });

  test('goes on under another name where `renamedFrom` says so, with the name that its sink knows', () => {
    const renamed: ConfiguredLane = { ...lane, name: 'b', renamedFrom: 'a' };
    const identity = { ...recorded, name: 'b' };
    assert.deepEqual(decideIdentity(renamed, known('b')), { kind: 'known', recorded, identity });
    const after = { recorded: [identity], configuredNames: ['b'] };
    assert.deepEqual(
      decideIdentity(renamed, after),
      { kind: 'known', recorded: identity, identity },
      'of no effect then',
    );
    const again = decideIdentity({ ...lane, name: 'c', renamedFrom: 'b' }, { ...after, configuredNames: ['c'] });
    assert.ok(again.kind === 'known');
    assert.deepEqual([again.identity.name, again.identity.originalName], ['c', 'a']);
    assert.deepEqual(decideIdentity(renamed, { recorded: [], configuredNames: ['b'] }), {
      kind: 'new',
      givesUp: undefined,
    });
    assert.throws(() => decideIdentity(renamed, known('a', 'b')), { code: 'HW-LANE-018' });
    assert.throws(() => decideIdentity(lane, { ...after, configuredNames: ['a', 'b'] }), { code: 'HW-LANE-018' });
    assert.throws(() => decideIdentity({ ...renamed, target: 'u' }, known('b')), { code: 'HW-LANE-005' });
    assert.throws(() => decideIdentity({ ...renamed, revision: 2 }, known('b')), { code: 'HW-LANE-006' });
  });

  test('goes on with changed functions where the configuration names the revision that it goes on from', () => {
    const changed: ConfiguredLane = { ...lane, functionDigest: 'g' };
    assert.throws(() => decideIdentity(changed, known('a')), { code: 'HW-LANE-019' });
    const accepted = decideIdentity({ ...changed, onChangedFunctions: 'go-on' }, known('a'));
    assert.deepEqual(accepted.kind === 'known' && accepted.identity, { ...recorded, functionDigest: 'g' });
    const raised: ConfiguredLane = { ...changed, revision: 2, continuesRevision: 1 };
    const identity = { ...recorded, revision: 2, functionDigest: 'g' };
    assert.deepEqual(decideIdentity(raised, known('a')), { kind: 'known', recorded, identity });
    const third = { recorded: [identity], configuredNames: ['a'] };
    assert.throws(
      () => decideIdentity({ ...raised, revision: 3 }, third),
      { code: 'HW-LANE-006' },
      'not once and for all',
    );
    const { functionDigest: _, ...unnoted } = recorded;
    const noted = decideIdentity(changed, { recorded: [unnoted], configuredNames: ['a'] });
    assert.equal(noted.kind === 'known' && noted.identity.functionDigest, 'g', 'what nobody noted is no change');
  });

  test('is kept as it was, and an unknown form is refused', () => {
    const store = createMemoryStates();
    writeLane(store, recorded);
    assert.deepEqual(listLanes(store), [recorded]);
    const renamed = { ...recorded, name: 'b' };
    store.write('checkpoint', 'a', 'somewhere');
    store.write('parked', 'a/1/2', 'one');
    store.write('parked', 'ab/1/2', 'of another lane');
    renameLane(store, 'a', renamed);
    assert.deepEqual(listLanes(store), [renamed]);
    assert.deepEqual(store.list('checkpoint'), [['b', 'somewhere']]);
    assert.deepEqual(store.list('parked'), [
      ['ab/1/2', 'of another lane'],
      ['b/1/2', 'one'],
    ]);
    const [text] = store.list('lane').map(([, found]) => JSON.parse(found) as { version: number });
    assert.equal(text?.version, 2, 'no release that knows nothing of renames takes it for a lane of that name');
    writeLane(store, recorded);
    for (const text of ['', '{}', '{"version":3}', JSON.stringify({ ...recorded, version: 1, origin: '-1' })]) {
      store.write('lane', 'a', text);
      assert.throws(() => listLanes(store), { code: 'HW-LANE-007' });
    }
  });
});
