import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { RedisDurability } from './redis-options.ts';
import { checkServer, parseServerReport } from './server-check.ts';

/** The code of the refusal, else how many warnings there are. */
function judge(
  info: string | undefined,
  appendFsync: string | undefined,
  durability: RedisDurability,
): string | number {
  const facts = { report: info === undefined ? undefined : parseServerReport(info), appendFsync };
  try {
    return checkServer(facts, { durability, acceptEviction: false }).length;
  } catch (thrown) {
    return HeadwaterError.from(thrown).code;
  }
}

test('a server of Redis is taken if and only if it is seen to keep what the lane asks for', () => {
  const on = '# Persistence\r\naof_enabled:1\r\n';
  const off = 'aof_enabled:0\r\n';
  const verdicts: readonly (readonly [string | undefined, string | undefined, RedisDurability, string | number])[] = [
    [on, 'always', 'always', 0],
    [on, 'everysec', 'always', 'HW-REDIS-004'],
    [on, undefined, 'always', 'HW-REDIS-004'],
    [off, 'always', 'always', 'HW-REDIS-004'],
    [undefined, 'always', 'always', 'HW-REDIS-004'],
    [on, 'always', 'everysec', 0],
    [on, 'everysec', 'everysec', 1],
    [on, 'no', 'everysec', 'HW-REDIS-004'],
    [on, undefined, 'everysec', 1],
    [off, 'everysec', 'everysec', 'HW-REDIS-004'],
    [undefined, undefined, 'everysec', 'HW-REDIS-004'],
    [on, 'always', 'none', 0],
    [off, 'no', 'none', 1],
    [undefined, undefined, 'none', 1],
    [`${on}redis_mode:cluster\r\n`, 'always', 'none', 'HW-REDIS-003'],
    ['loading:1\r\naof_enabled:0\r\n', 'always', 'always', 'HW-REDIS-006'],
    ['redis_mode:sentinel\r\n', undefined, 'always', 'HW-REDIS-015'],
    [`${on}role:slave\r\n`, 'always', 'none', 'HW-REDIS-006'],
    [`${on}maxmemory:1\r\nmaxmemory_policy:allkeys-lru\r\n`, 'always', 'none', 'HW-REDIS-005'],
    [`${on}maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n`, 'always', 'none', 0],
    [`${on}maxmemory:1\r\nmaxmemory_policy:noeviction\r\n`, 'always', 'none', 0],
  ];
  for (const [info, appendFsync, durability, verdict] of verdicts) {
    assert.equal(judge(info, appendFsync, durability), verdict, JSON.stringify([info, appendFsync, durability]));
  }
});
