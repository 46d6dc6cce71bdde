import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

import { createClient } from '@redis/client';
import pg from 'pg';

import { toRecordLines } from '../../src/delivery/sinks/file/record-line.ts';
import { encodeRecordPosition } from '../../src/delivery/sinks/redis/record-position.ts';
import { encodeTextArray } from '../../src/delivery/sinks/postgres/text-array.ts';
import { columnNames, type OpenBareWriter, rowTexts, tableName } from './bare-writer.ts';

const types = ['bigint', 'uuid', 'text', 'numeric', 'text'];

/** One statement for a thousand rows, as an array for each column, and for the position: a transaction by itself. */
export const openBarePostgres: OpenBareWriter = async (url, records) => {
  const names = records[0] === undefined ? [] : columnNames(records[0]);
  const rows = records.map(rowTexts);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `create table rows (${names.map((name, index) => `${name} ${types[index]}`).join(', ')}, primary key (id))`,
  );
  await client.query('create table position (at bigint not null)');
  await client.query('insert into position values (0)');
  const values = names.map((_, index) => `r.c${index}::${types[index]}`);
  const sources = names.map((_, index) => `$${index + 1}::text[]`);
  const updates = names.slice(1).map((name) => `${name} = excluded.${name}`);
  const text = `with moved as (update position set at = $${names.length + 1})
    insert into rows (${names.join(', ')}) select ${values.join(', ')}
    from unnest(${sources.join(', ')}) as r(${names.map((_, index) => `c${index}`).join(', ')})
    on conflict (id) do update set ${updates.join(', ')}`;
  return {
    async write(from, count) {
      const part = rows.slice(from, from + count);
      const arrays = names.map((_, index) => encodeTextArray(part.map((row) => row[index] ?? null)));
      await client.query({ name: 'rows', text, values: [...arrays, from + count] });
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
};

/** A thousand rows and the position in one transaction, flushed at its commit. */
export const openBareSqlite: OpenBareWriter = (directory, records) => {
  const names = records[0] === undefined ? [] : columnNames(records[0]);
  const rows = records.map((record) =>
    rowTexts(record).map((text, index) => (index === 0 ? BigInt(text ?? '') : text)),
  );
  const database = new DatabaseSync(`${directory}/bare.db`);
  database.exec('pragma journal_mode = wal; pragma synchronous = full');
  const columns = names.map((name, index) => `${name} ${index === 0 ? 'integer primary key' : 'text'}`);
  database.exec(
    `create table rows (${columns.join(', ')}) strict; create table position (at integer); insert into position values (0)`,
  );
  const updates = names.slice(1).map((name) => `${name} = excluded.${name}`);
  const insert = database.prepare(
    `insert into rows values (${names.map(() => '?').join(', ')}) on conflict (id) do update set ${updates.join(', ')}`,
  );
  const move = database.prepare('update position set at = ?');
  return Promise.resolve({
    write(from, count) {
      database.exec('begin immediate');
      for (let index = from; index < from + count; index += 1) insert.run(...(rows[index] ?? []));
      move.run(from + count);
      database.exec('commit');
      return Promise.resolve();
    },
    [Symbol.asyncDispose]() {
      database.close();
      return Promise.resolve();
    },
  });
};

/** The lines of a thousand records, one write and one flush. */
export const openBareFile: OpenBareWriter = async (directory, records) => {
  const lines = records.map(toRecordLines);
  const file = await open(`${directory}/bare.ndjson`, 'a');
  return {
    async write(from, count) {
      await file.appendFile(`${lines.slice(from, from + count).join('')}{"op":"checkpoint","at":${from + count}}\n`);
      await file.datasync();
    },
    async [Symbol.asyncDispose]() {
      await file.close();
    },
  };
};

/**
 * The hashes of a thousand rows, beside each the position of its last write, without which a later write of an older row could
 * not be refused, and the position of all in one MULTI. Nothing is compared: nobody else writes.
 */
export const openBareRedis: OpenBareWriter = async (url, records) => {
  const [first] = records;
  const names = first === undefined ? [] : columnNames(first);
  const journalId = randomUUID();
  const rows = records.map((record) => {
    const texts = rowTexts(record);
    return {
      key: `${tableName(record)}:${texts[0]}`,
      hash: names.map((name, index): [string, string] => [name, texts[index] ?? '']),
      position: encodeRecordPosition(journalId, record.header, record.record.ordinal),
    };
  });
  const client = createClient({ url });
  await client.connect();
  return {
    async write(from, count) {
      const part = rows.slice(from, from + count);
      const transaction = client.multi();
      for (const { hash, key } of part) transaction.hSet(key, Object.fromEntries(hash));
      transaction.mSet(part.map(({ key, position }): [string, string] => [`headwater:position:${key}`, position]));
      transaction.hSet('headwater:position', 'at', String(from + count));
      await transaction.exec();
    },
    [Symbol.asyncDispose]() {
      client.destroy();
      return Promise.resolve();
    },
  };
};
