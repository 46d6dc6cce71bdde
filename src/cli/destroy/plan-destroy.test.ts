import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { isYes } from '../confirm.ts';
import { type DestroyFacts, type DestroyRequest, planDestroy } from './plan-destroy.ts';

const slot = { name: 'headwater_main', plugin: 'pgoutput', database: 'shop', activePid: null, retainedBytes: '42' };
const publication = { name: 'headwater', isOurs: true, mayDrop: true };
const schema = { name: 'headwater', mayDrop: true, objects: ['inbox', 'outbox', 'schema_version'] };
const facts: DestroyFacts = {
  databaseName: 'shop',
  roleName: 'owner',
  mayDropSlot: true,
  slot,
  otherSlots: [],
  publication,
  schema,
};
const request: DestroyRequest = {
  slotName: 'headwater_main',
  publicationName: 'headwater',
  schemaName: 'headwater',
  named: [],
  holder: { kind: 'nobody' },
};

function actionsOf(change: Partial<DestroyFacts>, wanted: Partial<DestroyRequest> = {}): string {
  const steps = planDestroy({ ...facts, ...change }, { ...request, ...wanted });
  return steps
    .filter(({ kind }) => kind !== 'table')
    .map(({ kind, action }) => `${action} ${kind}`)
    .join(', ');
}

const dropAll = 'drop slot, drop publication, drop schema';

describe('destroy', () => {
  const cases: readonly (readonly [string, Partial<DestroyFacts>, Partial<DestroyRequest>, string])[] = [
    ['drops all that is ours', {}, {}, dropAll],
    [
      'finds nothing where nothing is',
      { slot: undefined, publication: undefined, schema: undefined },
      {},
      'absent slot, absent publication, absent schema',
    ],
    ['drops only what is named', {}, { named: ['slot'] }, 'drop slot, keep publication, keep schema'],
    [
      'keeps a slot of another plugin or database, though named like ours',
      { slot: { ...slot, plugin: 'wal2json' } },
      { named: ['slot'] },
      'keep slot, keep publication, keep schema',
    ],
    [
      'keeps a slot of another database',
      { slot: { ...slot, database: 'x' } },
      {},
      'keep slot, drop publication, drop schema',
    ],
    [
      'keeps a publication without our mark',
      { publication: { ...publication, isOurs: false } },
      {},
      'drop slot, keep publication, drop schema',
    ],
    [
      'drops a publication without our mark when it is named',
      { publication: { ...publication, isOurs: false } },
      { named: ['publication'] },
      'keep slot, drop publication, keep schema',
    ],
    [
      'keeps what another installation may share',
      { otherSlots: ['headwater_second'] },
      {},
      'drop slot, keep publication, keep schema',
    ],
    [
      'drops what another installation may share when it is named',
      { otherSlots: ['headwater_second'] },
      { named: ['publication', 'schema'] },
      'keep slot, drop publication, drop schema',
    ],
    [
      'keeps a schema without our record',
      { schema: { ...schema, objects: ['outbox'] } },
      { named: ['schema'] },
      'keep slot, keep publication, keep schema',
    ],
    [
      'keeps a schema in which others made something',
      { schema: { ...schema, objects: [...schema.objects, 'theirs()'] } },
      {},
      'drop slot, drop publication, keep schema',
    ],
    ['goes on beside a holder that cannot be looked at', {}, { holder: { kind: 'elsewhere', who: 'x' } }, dropAll],
  ];
  for (const [name, change, wanted, expected] of cases) {
    it(name, () => assert.equal(actionsOf(change, wanted), expected));
  }

  const refusals: readonly (readonly [string, Partial<DestroyFacts>, Partial<DestroyRequest>, string])[] = [
    ['while a session reads the slot', { slot: { ...slot, activePid: 7 } }, {}, 'HW-SETUP-001'],
    ['while a process holds the journal', {}, { holder: { kind: 'running', who: 'process 7' } }, 'HW-SETUP-001'],
    [
      'while a stopped process holds the journal',
      {},
      { holder: { kind: 'stopped', who: 'process 7' } },
      'HW-SETUP-001',
    ],
    ['without the right to the slot', { mayDropSlot: false }, {}, 'HW-SETUP-003'],
    ['without the right to the publication', { publication: { ...publication, mayDrop: false } }, {}, 'HW-SETUP-003'],
    ['without the right to the schema', { schema: { ...schema, mayDrop: false } }, {}, 'HW-SETUP-003'],
  ];
  for (const [name, change, wanted, code] of refusals) {
    it(`refuses everything ${name}`, () => {
      assert.throws(
        () => actionsOf(change, wanted),
        (error) => error instanceof HeadwaterError && error.code === code,
      );
    });
  }

  it('asks for no right to what it keeps', () => {
    assert.equal(actionsOf({ mayDropSlot: false }, { named: ['schema'] }), 'keep slot, keep publication, drop schema');
  });

  it('takes the whole word yes and nothing else for a yes', () => {
    assert.deepEqual(['yes', ' YES\n', 'y', '', 'yes please', 'no'].map(isYes), [
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
