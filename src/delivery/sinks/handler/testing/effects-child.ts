import pg from 'pg';
import type { RecordRequest } from '../../../../testing/suite-records.ts';
import { testEvent, type UnplacedRecord } from '../../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import type { SinkDefinition } from '../../../sink.ts';
import { handlerSink } from '../handler-sink.ts';

/** Records of the suite as events: the id says which one it is. */
export function effectRecord({ key, number, size = 2 }: RecordRequest): UnplacedRecord {
  return testEvent(key, `${key}-${number}`, 'x'.repeat(size));
}

/**
 * A handler with its effect and its deduplication row in one transaction of its own. `afterEffect` runs when the effect is
 * durable and nobody knows yet.
 */
export function effectHandler(pool: pg.Pool, afterEffect: (id: string) => Promise<void>): SinkDefinition {
  return handlerSink({
    name: 'effects',
    timeoutMs: 5000,
    async handleEvent(event, context) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        if (await context.once(client)) await client.query('insert into effects (id) values ($1)', [event.id]);
        await client.query('commit');
        client.release();
      } catch (error) {
        client.release(true);
        throw error;
      }
      await afterEffect(event.id);
    },
  });
}

/** For a process of its own: the argument is the address of the database, a blank, and the record to hang at. */
export function createChild(argument: string): SinkChild {
  const [url = '', hangAt = ''] = argument.split(' ');
  const sink = effectHandler(new pg.Pool({ connectionString: url }), async (id) => {
    if (id !== hangAt) return;
    process.stdout.write(`durable ${id}\n`);
    await Promise.withResolvers<never>().promise;
  });
  return { sink, record: effectRecord };
}
