import assert from 'node:assert/strict';
import { test } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import { systemRandom } from '../../../src/foundation/random.ts';
import { runSoak } from './run-soak.ts';

const skip = await skipReason('privatePostgres18', 'privateKafka', 'privateRedis', 'privateNats', 'privateRabbitmq');

test(
  'every store equals the source but for what is parked, and equals it after the mend, while everything is killed',
  { skip },
  async (context) => {
    const seed = Math.floor(systemRandom.next() * 0x1_0000_0000);
    context.diagnostic(`seed ${seed}`);
    const { parked, problems, rows } = await runSoak({
      minutes: 2,
      seed,
      signal: context.signal,
      note: (line) => context.diagnostic(line),
    });
    assert.deepEqual(problems, [], `seed ${seed}`);
    assert.equal(new Set(Object.values(rows)).size, 1);
    for (const lane of ['kafka', 'rabbitmq', 'webhook', 'handler'])
      assert.ok((parked[lane]?.keys ?? 0) > 0, `nothing was parked in ${lane}, seed ${seed}`);
  },
);
