/**
 * Our side of the lane benchmark: a Kafka lane behind a filled journal, put together as the service does it, without a source.
 * The clock runs from the moment when the lane delivers to the last acknowledgement.
 *
 *   node bench/subjects/lane-to-kafka.ts DIRECTORY BROKERS TOPIC
 */
import { kafkaSink } from '../../src/delivery/sinks/kafka/kafka-sink.ts';
import { drainLane } from '../workload/drain-lane.ts';

const [directory = '', brokers = '', topic = ''] = process.argv.slice(2);
const result = await drainLane(directory, topic, { sink: kafkaSink({ brokers, topic }) });
process.stdout.write(`${JSON.stringify(result)}\n`);
