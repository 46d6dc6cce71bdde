import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { DataSource } from 'typeorm';
import { addTransactionalDataSource, initializeTransactionalContext, runInTransaction } from 'typeorm-transactional';
import { z } from 'zod';

import { skipReason } from '../../scripts/services/testing.ts';
import { emit } from './emit.ts';
import { defineEvents } from './events.ts';
import { createEventDatabase, type EventDatabase } from './testing/event-database.ts';

const events = defineEvents({ noted: z.object({}) });
const skip = await skipReason('postgres18');

/** Transactions that nobody hands on: libraries keep them beside the call and give the ORM's own object. */
describe('an ambient transaction', { skip }, () => {
  let stage: EventDatabase;
  let dataSource: DataSource;
  before(async () => {
    stage = await createEventDatabase(18);
    initializeTransactionalContext();
    dataSource = addTransactionalDataSource(new DataSource({ type: 'postgres', url: stage.applicationUrl }));
    await dataSource.initialize();
  });
  after(async () => {
    await dataSource.destroy();
    await stage[Symbol.asyncDispose]();
  });

  it('of typeorm-transactional is the one of dataSource.manager, and its end is the end of the event', async () => {
    await runInTransaction(async () => {
      await dataSource.query(`insert into public.orders values ('kept')`);
      await emit(dataSource.manager, events.noted, {}, { key: 'kept' });
    });
    const failure = new Error('given up');
    const failed = runInTransaction(async () => {
      await dataSource.query(`insert into public.orders values ('lost')`);
      await emit(dataSource.manager, events.noted, {}, { key: 'lost' });
      throw failure;
    });
    await assert.rejects(failed, failure);
    await assert.rejects(emit(dataSource.manager, events.noted, {}, { key: 'outside' }), { code: 'HW-EMIT-001' });
    assert.deepEqual(
      (await stage.readEvents()).map((event) => event.key),
      ['kept'],
    );
    assert.deepEqual(await stage.database.query('select id from public.orders'), [{ id: 'kept' }]);
  });
});
