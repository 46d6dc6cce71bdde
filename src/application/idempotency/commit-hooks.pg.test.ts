import assert from 'node:assert/strict';
import { test } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import { runIn } from '../testing/database-roots.ts';
import { hookedRoots } from '../testing/hooked-roots.ts';
import { createEventDatabase } from '../testing/event-database.ts';
import { createIdempotency } from './idempotency.ts';
import { send } from './testing/idempotency-stage.ts';

const skip = await skipReason('postgres18');

for (const [name, openHooked] of Object.entries(hookedRoots)) {
  test(`a phase is applied once when a hook behind its COMMIT fails (${name})`, { skip }, async () => {
    await using stage = await createEventDatabase(18);
    await using hooked = await openHooked(stage.applicationUrl);
    hooked.behindCommit = () => {
      throw Object.assign(new Error('the hook met others'), { code: '40001' });
    };
    const idempotency = createIdempotency(hooked.root, { principal: () => 'ann', onFailure: () => undefined });
    const place = idempotency.handler({
      name: 'orders.place',
      safety: 'keyed',
      parse: () => null,
      async phases(run) {
        await run.phase('place', async (tx) => {
          hooked.arm(tx);
          await runIn(tx, 'insert into public.orders select gen_random_uuid()::text');
        });
        return new Response(null, { status: 204 });
      },
    });
    const statuses = [(await send(place, { key: '"a"' })).status, (await send(place, { key: '"a"' })).status];
    assert.equal(statuses[1], 204);
    assert.equal((await stage.database.query('select id from public.orders')).length, 1);
  });
}
