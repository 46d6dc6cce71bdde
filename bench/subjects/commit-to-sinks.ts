/**
 * Our side of the latency benchmark: Headwater inside an application with a handler and a Kafka lane, while another thread of
 * the same process commits in an open loop and a third one consumes the topic.
 *
 *   node bench/subjects/commit-to-sinks.ts URL TABLE RATE SECONDS DIRECTORY BROKERS TOPIC
 */
import { once } from 'node:events';

import { handlerSink } from '../../src/delivery/sinks/handler/handler-sink.ts';
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { startHeadwater } from '../../src/service/headwater.ts';
import { benchLogger } from '../measure/bench-logger.ts';
import { startThread } from '../measure/start-thread.ts';
import { machineMs } from '../measure/machine-ms.ts';
import type { ConsumeInput } from '../workload/consume-worker.ts';
import { OpenLoop } from '../workload/open-loop.ts';

const [url = '', table = '', rate = '0', duration = '0', directory = '', brokers = '', topic = ''] =
  process.argv.slice(2);
const loop = new OpenLoop({ url, table, ratePerSecond: Number(rate), seconds: Number(duration) });
const handled = loop.createTimes();
const consumed = loop.createTimes();

// Lanes of a round have names of their own: Kafka remembers a lane's journal, and each round has a new one.
await using headwater = await startHeadwater({
  source: { url, slot: table, publication: table, tables: [`public.${table}`] },
  journal: { directory },
  lanes: {
    [`handler-${table}`]: {
      sink: handlerSink({
        name: 'latency',
        handleChange(change) {
          const nowMs = machineMs();
          if (change.kind === 'insert') handled[Number(change.after[0])] = nowMs;
        },
      }),
    },
    [`kafka-${table}`]: { sink: kafkaSink({ brokers, topic }) },
  },
  http: false,
  logger: benchLogger('service.started', () => {}),
});
const input: ConsumeInput = { brokers, topic, arrived: consumed };
const consumer = startThread('consume-worker', input);
await once(consumer, 'message');
await loop.commitAll();
await loop.waitForArrivals('handler', handled);
await loop.waitForArrivals('kafka', consumed);
await consumer.terminate();
await headwater.stop();
const result = {
  handler: loop.latencies(handled),
  kafka: loop.latencies(consumed),
  commit: loop.commitLatencies(),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
