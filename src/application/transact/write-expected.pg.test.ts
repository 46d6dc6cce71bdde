import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';
import { writeExpected } from './write-expected.ts';

const skip = await skipReason('postgres18');

describe('a write by expected version', { skip }, () => {
  let stage: EventDatabase;
  before(async () => {
    stage = await createEventDatabase(18);
    await stage.database.query(`create table public.documents (
      id text primary key, version integer, body jsonb, at timestamptz, tags text[], day date, flag boolean, amount numeric,
      big bigint, raw bytea, nothing text)`);
    await stage.database.query(
      `grant select, insert, update on public.documents to ${stage.database.name}_application`,
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  const set = {
    body: '{"a": [1, "x"]}',
    at: '2026-01-02 03:04:05.123456+00',
    tags: '{a,"b c"}',
    day: '2026-01-02',
    flag: true,
    amount: '1.50',
    big: 2n ** 60n,
    raw: new Uint8Array([0, 255]),
    nothing: null,
  };
  const written = { ...set, flag: 'true', big: String(2n ** 60n), raw: String.raw`\x00ff` };

  for (const [name, library] of Object.entries(drivenLibraries)) {
    it(`stores values of every type as PostgreSQL reads them (${name})`, async () => {
      await using driver = await library.open({ url: stage.applicationUrl });
      await driver.run(async (tx: TransactionLike) => {
        const row = { table: 'documents', key: { id: name } };
        assert.equal(await writeExpected(tx, { ...row, expected: 'absent', set: { ...set, flag: false } }), 1n);
        assert.equal(await writeExpected(tx, { ...row, expected: 1, set }), 2n);
        await assert.rejects(writeExpected(tx, { ...row, expected: 1, set }), { code: 'HW-TRANSACT-012' });
      }, 'commit');
      await stage.database.query(`set timezone = 'UTC'`);
      const columns = Object.keys(set).map((column) => `${column}::text as ${column}`);
      const [found] = await stage.database.query(`select ${columns.join(', ')} from public.documents where id = $1`, [
        name,
      ]);
      assert.deepEqual(found, written);
    });
  }
});
