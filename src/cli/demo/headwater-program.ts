import { kafkaSink } from '../../delivery/sinks/kafka/kafka-sink.ts';
import { handlerSink } from '../../delivery/sinks/handler/handler-sink.ts';
import { postgresSink } from '../../delivery/sinks/postgres/postgres-sink.ts';
import type { LaneOptions } from '../../delivery/lane-options.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Logger, LogFields } from '../../foundation/logger.ts';
import type { DomainEvent } from '../../model/domain-event.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import type { HeadwaterConfig } from '../../service/config-types.ts';
import { startHeadwater } from '../../service/headwater.ts';
import { type ProgramSettings, requireSetting, runChildProgram } from './child-program.ts';
import { type DemoEvent, parseDemoEvent } from './demo-event.ts';
import { sendToReceiver } from './receiver-client.ts';
import { insertEffectStatement } from './reports.sql.ts';

/*
 * Headwater as a service of its own, with one lane for each derived store. The order service knows none of them.
 */

runChildProgram(async (settings) => {
  const headwater = await startHeadwater(createConfig(settings));
  void headwater.captureEnded.then((error) => {
    if (error === undefined) return;
    process.stderr.write(`${error.code} ${error.message}\n`);
    process.exit(1);
  });
  return { stop: () => headwater.stop() };
});

function createConfig(settings: ProgramSettings): HeadwaterConfig {
  return {
    installation: 'demo',
    source: {
      url: requireSetting(settings, 'shopUrl'),
      slot: requireSetting(settings, 'slot'),
      publication: requireSetting(settings, 'slot'),
    },
    journal: { directory: requireSetting(settings, 'journalDirectory') },
    lanes: createLanes(settings),
    http: { port: Number(requireSetting(settings, 'httpPort')) },
    logger: createLogger(),
  };
}

function createLanes(settings: ProgramSettings): Readonly<Record<string, LaneOptions>> {
  const receiverPort = Number(requireSetting(settings, 'receiverPort'));
  // A demo has less patience than a shop: a store that is back is noticed within half a second.
  const retry = { initialDelayMs: 50, maxDelayMs: 500 };
  const receiver = handlerSink({
    name: 'receiver',
    handleEvent: (event, { signal }) => sendToReceiver(receiverPort, toDemoEvent(event), signal),
  });
  const reports = postgresSink({
    url: requireSetting(settings, 'reportsUrl'),
    statements: (record) => reportStatements(record),
  });
  return {
    receiver: { sink: receiver, retry },
    reports: { sink: reports, retry },
    ...(settings['kafkaBrokers'] === undefined ? {} : { kafka: createKafkaLane(settings, settings['kafkaBrokers']) }),
  };
}

function createKafkaLane(settings: ProgramSettings, brokers: string): LaneOptions {
  const topic = requireSetting(settings, 'kafkaTopic');
  return {
    sink: kafkaSink({ brokers: brokers.split(','), topic, positionTopic: `${topic}-position` }),
    // The value that the naive order service writes too, so that one consumer reads both.
    map: (record) => (record.kind === 'event' ? toDemoEvent(record.event) : undefined),
  };
}

function reportStatements(record: JournalRecord): readonly { text: string; values: readonly string[] }[] {
  if (record.kind !== 'event') return [];
  const { id, orderId, type } = toDemoEvent(record.event);
  return [{ text: insertEffectStatement, values: [id, orderId, type] }];
}

function toDemoEvent(event: DomainEvent): DemoEvent {
  const parsed = parseDemoEvent({ id: event.id, type: event.type, orderId: event.key });
  if (parsed === undefined) throw new HeadwaterError('HW-DEMO-006', `"${event.type}" is no event of the shop`);
  return parsed;
}

/** The orchestrator shows the end of the log when this program ends by itself. */
function createLogger(): Logger {
  const write = (level: string, event: string, fields: LogFields = {}): void => {
    const text = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
    process.stderr.write(`${level} ${event}${text.join('')}\n`);
  };
  return {
    debug: () => undefined,
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}
