import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OrderedTasks } from './ordered-tasks.ts';

describe('ordered tasks', () => {
  test('run one after the other in each key, and never more at once than allowed', async () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: 1, max: 4 }), fc.scheduler(), async (given, inFlightMax, scheduler) => {
        const tasks = new OrderedTasks(inFlightMax);
        const running = new Set<string>();
        const ended: string[] = [];
        const added = (async (): Promise<void> => {
          for (const [index, key] of given.entries()) {
            await tasks.add(key, async () => {
              assert.ok(!running.has(key) && running.size < inFlightMax);
              running.add(key);
              await scheduler.schedule(Promise.resolve());
              running.delete(key);
              ended.push(`${key}${index}`);
            });
          }
          await tasks.idle();
        })();
        await scheduler.waitFor(added);
        for (const key of ['a', 'b', 'c']) {
          const wanted = given.flatMap((other, index) => (other === key ? [`${key}${index}`] : []));
          assert.deepEqual(
            ended.filter((text) => text.startsWith(key)),
            wanted,
          );
        }
      }),
    );
  });

  test('run nothing behind a failure, and tell it', async () => {
    const tasks = new OrderedTasks(2);
    const ran: number[] = [];
    await tasks.add('a', async () => {
      throw new Error('the first fails');
    });
    await tasks.add('a', async () => void ran.push(2));
    await tasks.idle();
    await tasks.add('b', async () => void ran.push(3));
    await assert.rejects(tasks.failed, /the first fails/);
    assert.deepEqual(ran, []);
  });
});
