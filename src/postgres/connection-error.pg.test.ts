import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createTestDatabase, postgresUrl, skipReason } from '../../scripts/services/testing.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { parseConnectionUrl } from './connection-options.ts';
import { openConnection } from './pg-connection.ts';

for (const major of [15, 18] as const) {
  describe(`logins that PostgreSQL ${major} refuses`, { skip: await skipReason(`postgres${major}`) }, () => {
    it('are tried again while the database lets nobody in for maintenance', async () => {
      await using database = await createTestDatabase({ major });
      await using admin = await openConnection(parseConnectionUrl(await postgresUrl(major)));
      await admin.query(`alter database ${database.name} with allow_connections false`);
      await assert.rejects(openConnection(parseConnectionUrl(database.url)), (error) => {
        return error instanceof HeadwaterError && error.code === 'HW-SOURCE-023' && error.policy === 'retry';
      });
      await admin.query(`alter database ${database.name} with allow_connections true`);
      await using again = await openConnection(parseConnectionUrl(database.url));
      assert.equal(again.isOpen, true);
    });
  });
}
