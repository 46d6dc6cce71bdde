/**
 * Headwater with three lanes that have nothing to deliver, started as `headwater run` starts it. Prints `ready` when it runs, `idle` when every lane has delivered
 * the given rows, and ends at SIGTERM.
 *
 *   node bench/subjects/idle-service.ts URL TABLE ROWS DIRECTORY BROKERS TOPIC TARGET_URL
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { startLean } from '../../src/cli/lean-start.ts';
import { handlerSink } from '../../src/delivery/sinks/handler/handler-sink.ts';
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { postgresSink } from '../../src/delivery/sinks/postgres/postgres-sink.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';

const [url = '', table = '', rows = '0', directory = '', brokers = '', topic = '', targetUrl = ''] =
  process.argv.slice(2);
const ended = once(process, 'SIGTERM');

await using headwater = await startLean(() =>
  startHeadwater({
    source: { url, slot: table, publication: table, tables: [`public.${table}`] },
    journal: { directory },
    lanes: {
      postgres: { sink: postgresSink({ url: targetUrl }) },
      kafka: { sink: kafkaSink({ brokers, topic }) },
      handler: { sink: handlerSink({ name: 'idle', handleChange() {} }) },
    },
    http: false,
    logger: benchLogger('service.started', () => {}),
  }),
);
process.stdout.write('ready\n');
while (headwater.lanes.some((lane) => lane.status().deliveredCount < Number(rows))) await setTimeout(50);
process.stdout.write('idle\n');
await ended;
