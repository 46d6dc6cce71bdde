import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { toLsn } from '../../../model/lsn.ts';
import type { SourceIdentity } from '../../../model/source-identity.ts';
import { compareSource, type FoundSource } from './compare-source.ts';
import type { PublicationFacts, SlotFacts } from './source-facts.ts';

const source: SourceIdentity = {
  systemId: '7385',
  timeline: 1,
  databaseName: 'shop',
  databaseOid: 5,
  slotName: 'slot',
  publicationNames: ['headwater'],
  publicationOids: [77],
  sessionSettings: { DateStyle: 'ISO' },
  tables: [],
  uncopiedTables: [],
};
const recorded = { recordedLsn: toLsn(1000n), source };
const wanted = { slotName: 'slot', publicationNames: ['headwater'] };

const slot: SlotFacts = {
  slotName: 'slot',
  plugin: 'pgoutput',
  slotType: 'logical',
  databaseName: 'shop',
  isTemporary: false,
  isTwoPhase: false,
  activePid: undefined,
  confirmedLsn: toLsn(900n),
  restartLsn: toLsn(800n),
  walStatus: 'reserved',
  invalidationReason: undefined,
  safeBytes: undefined,
  retainedBytes: undefined,
  unconfirmedBytes: undefined,
};

const publication: PublicationFacts = {
  name: 'headwater',
  oid: 77,
  isForAllTables: false,
  hasInsert: true,
  hasUpdate: true,
  hasDelete: true,
  hasTruncate: true,
  isViaRoot: false,
  publishesGenerated: undefined,
};

const found: FoundSource = {
  systemId: '7385',
  timeline: 1,
  databaseName: 'shop',
  databaseOid: 5,
  walEndLsn: toLsn(2000n),
  slot,
  publications: [publication],
  sessionSettings: { DateStyle: 'ISO' },
};

function codeOf(changed: Partial<FoundSource>): string | undefined {
  return compareSource(recorded, { ...found, ...changed }, wanted)?.code;
}

describe('a source', () => {
  test('is the recorded one with its slot behind or at what is recorded', () => {
    assert.equal(codeOf({}), undefined);
    assert.equal(codeOf({ slot: { ...slot, confirmedLsn: toLsn(1000n) } }), undefined);
    assert.equal(codeOf({ walEndLsn: toLsn(1000n) }), undefined);
  });

  test('is refused when its slot stands beyond what is recorded, by as little as a byte', () => {
    assert.equal(codeOf({ slot: { ...slot, confirmedLsn: toLsn(1001n) } }), 'HW-SOURCE-014');
  });

  test('is refused when its WAL ends before what is recorded, whatever the slot says', () => {
    assert.equal(codeOf({ walEndLsn: toLsn(999n) }), 'HW-SOURCE-017');
    assert.equal(codeOf({ walEndLsn: toLsn(999n), slot: undefined }), 'HW-SOURCE-017');
  });

  test('is refused by name when anything of its identity changed', () => {
    assert.equal(codeOf({ systemId: '7386' }), 'HW-SOURCE-015');
    assert.equal(codeOf({ timeline: 2 }), 'HW-SOURCE-016');
    assert.equal(codeOf({ databaseOid: 6 }), 'HW-SOURCE-025');
    assert.equal(codeOf({ sessionSettings: { DateStyle: 'German' } }), 'HW-SOURCE-030');
    assert.equal(codeOf({ publications: [] }), 'HW-SOURCE-009');
    assert.equal(codeOf({ publications: [{ ...publication, oid: 78 }] }), 'HW-SOURCE-018');
    assert.equal(codeOf({ slot: undefined }), 'HW-SOURCE-011');
    assert.equal(codeOf({ slot: { ...slot, invalidationReason: 'wal_removed' } }), 'HW-SOURCE-013');
    assert.equal(codeOf({ slot: { ...slot, isTemporary: true } }), 'HW-SOURCE-020');
  });

  test('is refused when the configuration names another slot or publication than recorded', () => {
    assert.equal(compareSource(recorded, found, { ...wanted, slotName: 'other' })?.code, 'HW-SOURCE-033');
    assert.equal(compareSource(recorded, found, { ...wanted, publicationNames: ['other'] })?.code, 'HW-SOURCE-032');
  });
});
