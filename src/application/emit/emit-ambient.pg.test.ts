import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { ClsPluginTransactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { NestFactory } from '@nestjs/core';
import { ClsModule } from 'nestjs-cls';
import { DataSource } from 'typeorm';
import { addTransactionalDataSource, initializeTransactionalContext, runInTransaction } from 'typeorm-transactional';
import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { emit } from './emit.ts';
import { defineEvents } from './events.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';

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

  it('of @nestjs-cls/transactional is txHost.tx, and its end is the end of the event', async () => {
    const own = await new DataSource({ type: 'postgres', url: stage.applicationUrl }).initialize();
    const database = {
      module: class DatabaseModule {
        readonly name = 'database';
      },
      providers: [{ provide: DataSource, useValue: own }],
      exports: [DataSource],
    };
    const plugin = new ClsPluginTransactional({
      imports: [database],
      adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
    });
    const root = {
      module: class RootModule {
        readonly name = 'root';
      },
      imports: [ClsModule.forRoot({ plugins: [plugin] })],
    };
    const app = await NestFactory.createApplicationContext(root, { logger: false });
    try {
      const txHost = app.get<TransactionHost<TransactionalAdapterTypeOrm>>(TransactionHost);
      const place = (key: string): Promise<void> =>
        txHost.withTransaction(async () => {
          await txHost.tx.query(`insert into public.orders values ('${key}')`);
          await emit(txHost.tx, events.noted, {}, { key });
          if (key === 'lost') throw failure;
        });
      const failure = new Error('given up');
      await place('kept');
      await assert.rejects(place('lost'), failure);
      await assert.rejects(emit(txHost.tx, events.noted, {}, { key: 'outside' }), { code: 'HW-EMIT-001' });
      await assertKept();
    } finally {
      await app.close();
      await own.destroy();
    }
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
    await assertKept();
  });

  async function assertKept(): Promise<void> {
    assert.deepEqual(
      (await stage.readEvents()).map((event) => event.key),
      ['kept'],
    );
    assert.deepEqual(await stage.database.query('delete from public.orders returning id'), [{ id: 'kept' }]);
  }
});
