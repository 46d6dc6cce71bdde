import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Pool } from 'pg';
import postgres from 'postgres';

import { skipReason, startPrivatePostgres } from '../../../scripts/services/testing.ts';
import { enableTls } from '../../capture/testing/enable-tls.ts';
import { guardTransactions, type NetworkCall, watchTransaction } from './guard-transactions.ts';

/** One statement over TLS, and the end of what was opened. */
const clients: Readonly<Record<string, (url: string) => AsyncDisposable & { isSecured(): Promise<unknown> }>> = {
  pg: (url) => {
    const pool = new Pool({ connectionString: url, ssl: { rejectUnauthorized: false } });
    return {
      isSecured: async () => (await pool.query<{ ssl: boolean }>(secured)).rows[0]?.ssl,
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },
  'postgres.js': (url) => {
    const sql = postgres(url, { ssl: 'require' });
    return {
      isSecured: async () => (await sql.unsafe<{ ssl: boolean }[]>(secured))[0]?.ssl,
      [Symbol.asyncDispose]: () => sql.end(),
    };
  },
};
const secured = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

describe('a guard and a database behind TLS', { skip: await skipReason('privatePostgres18') }, () => {
  it('are told apart from a broker, on connections of the unit and on those that were open before', async () => {
    await using server = await startPrivatePostgres({ major: 18 });
    await enableTls(server);
    for (const [name, open] of Object.entries(clients)) {
      const calls: NetworkCall[] = [];
      {
        await using client = open(server.url);
        using guard = guardTransactions({ mode: 'report', report: (_error, call) => calls.push(call) });
        // The first one connects inside of a unit.
        for (const unit of ['first', 'second'])
          assert.equal(await watchTransaction(unit, () => client.isSecured()), true);
        assert.equal(guard.counts().socket, 0, name);
      }
      {
        await using client = open(server.url);
        assert.equal(await client.isSecured(), true);
        using _ = guardTransactions({ mode: 'report', report: (_error, call) => calls.push(call) });
        assert.equal(await watchTransaction('connected before', () => client.isSecured()), true);
      }
      assert.deepEqual(calls, [], name);
    }
  });
});
