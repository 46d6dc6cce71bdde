import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { toLsn } from '../../../model/lsn.ts';
import { CutGate, isVisible, parseSnapshot, type SnapshotCut } from './snapshot-cut.ts';

/** Transactions 90 to 99 have ended but 95, which goes on; 100 is the next. */
const cut = snapshotOf('90:100:95');

function snapshotOf(text: string, end = 1000n): SnapshotCut {
  const parsed = parseSnapshot(text, toLsn(end));
  assert.ok(parsed !== undefined, text);
  return parsed;
}

function begin(xid: number, commitLsn: bigint): { xid: number; commitLsn: ReturnType<typeof toLsn> } {
  return { xid, commitLsn: toLsn(commitLsn) };
}

describe('what a snapshot sees', () => {
  it('is every transaction that had ended, and no other', () => {
    for (const xid of [3, 89, 90, 94, 96, 99]) assert.ok(isVisible(cut, xid), String(xid));
    for (const xid of [95, 100, 101, 5000]) assert.ok(!isVisible(cut, xid), String(xid));
  });

  it('is told right when the 32 bits of transaction ids have wrapped', () => {
    const epoch = 3n << 32n;
    const wrapped = snapshotOf(`${epoch - 10n}:${epoch + 10n}:${epoch - 5n},${epoch + 5n}`);
    for (const xid of [2 ** 32 - 10, 2 ** 32 - 6, 2 ** 32 - 1, 4, 9]) assert.ok(isVisible(wrapped, xid), String(xid));
    for (const xid of [2 ** 32 - 5, 5, 10, 11]) assert.ok(!isVisible(wrapped, xid), String(xid));
  });

  it('is refused in any other form', () => {
    for (const text of ['', '1:2', '1:2:x', '1:2:3,', '-1:2:']) assert.equal(parseSnapshot(text, toLsn(1n)), undefined);
  });
});

describe('the place of a snapshot among the commits', () => {
  it('holds everything before the snapshot is taken', () => {
    const gate = new CutGate();
    assert.equal(gate.mayPass(begin(90, 10n)), false);
    assert.equal(gate.verdict, undefined);
  });

  it('is behind all that it sees and in front of the first that it does not see', () => {
    const gate = new CutGate();
    gate.open(cut, [0, 88]);
    assert.equal(gate.mayPass(begin(91, 900n)), true);
    assert.equal(gate.verdict, undefined);
    assert.equal(gate.mayPass(begin(100, 1000n)), false);
    assert.equal(gate.verdict, 'fit');
    assert.equal(gate.mayPass(begin(100, 1000n)), false, 'held as often as it asks');
  });

  it('is known of an idle stream once everything that it can have seen has come', () => {
    const gate = new CutGate();
    gate.open(cut, []);
    gate.passed(toLsn(999n));
    assert.equal(gate.verdict, undefined);
    gate.passed(toLsn(1000n));
    assert.equal(gate.verdict, 'fit');
    assert.equal(gate.mayPass(begin(101, 1010n)), false);
  });

  it('does not exist when a transaction that it sees was written behind one that it does not see', () => {
    const gate = new CutGate();
    gate.open(cut, []);
    assert.equal(gate.mayPass(begin(95, 800n)), false);
    assert.equal(gate.verdict, undefined, 'what comes behind must be looked at');
    gate.look(begin(96, 850n));
    assert.equal(gate.verdict, 'unfit');
    assert.equal(gate.mayPass(begin(95, 800n)), true, 'nothing is held any more');
  });

  it('exists when all behind the first unseen one are unseen, up to the end of what it can have seen', () => {
    const gate = new CutGate();
    gate.open(cut, []);
    assert.equal(gate.mayPass(begin(95, 800n)), false);
    gate.look(begin(100, 900n));
    assert.equal(gate.verdict, undefined);
    gate.look(begin(101, 1000n));
    assert.equal(gate.verdict, 'fit');
  });

  it('does not exist when the stream has passed a transaction already that it does not see', () => {
    const gate = new CutGate();
    gate.open(cut, [0, 94, 95, 0]);
    assert.equal(gate.verdict, 'unfit');
  });
});
