import type { EmbeddedPostgres } from '../../src/postgres/embedded-server.ts';
import { explainMissingKafka, type PrivateKafka, type PrivateKafkaOptions, startScratchKafka } from './kafka.ts';
import { explainMissingNats, type PrivateNats, type PrivateNatsOptions, startScratchNats } from './nats.ts';
import { explainMissingPostgres, type PrivatePostgresOptions, startScratchPostgres } from './postgres.ts';
import {
  explainMissingRabbitmq,
  type PrivateRabbitmq,
  type PrivateRabbitmqOptions,
  startScratchRabbitmq,
} from './rabbitmq.ts';
import { explainMissingRedis, type PrivateRedis, type PrivateRedisOptions, startScratchRedis } from './redis.ts';
import { type PostgresMajor, postgresService, type ServiceName } from './service.ts';
import { obtainService } from './services.ts';
import { createDatabaseOn, type TestDatabase } from './test-database.ts';

/*
 * What tests import. Shared servers are asked for and started at first use; a file that needs PostgreSQL 18 alone never waits
 * for Kafka. A test of a service that cannot be had is skipped with the reason; with CI=true the file fails instead:
 *
 *   const skip = await skipReason('postgres18');
 *   test('keeps the order', { skip }, async () => { await using database = await createTestDatabase({ major: 18 }); … });
 */

export type { PrivateKafka } from './kafka.ts';
export type { PrivateNats } from './nats.ts';
export type { PrivateRedis } from './redis.ts';
export type { PrivateRabbitmq } from './rabbitmq.ts';
export type { PostgresMajor, ServiceName } from './service.ts';
export type { TestDatabase } from './test-database.ts';

/** A server that belongs to one test. */
export type PrivateServiceName =
  | 'privatePostgres15'
  | 'privatePostgres18'
  | 'privateKafka'
  | 'privateNats'
  | 'privateRabbitmq'
  | 'privateRedis';

export interface TestDatabaseOptions {
  /** The shared server's version. */
  readonly major?: PostgresMajor;
  /** A private server instead. */
  readonly server?: Pick<EmbeddedPostgres, 'url'>;
}

/**
 * Why tests that need these services are left out: for the option `skip` of `test` and `describe`; false when all are there.
 * Starts the shared ones. Throws instead when the environment says `CI=true`.
 */
export async function skipReason(...names: readonly (ServiceName | PrivateServiceName)[]): Promise<string | false> {
  const reasons = (await Promise.all(names.map(explainMissing))).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return false;
  const reason = [...new Set(reasons)].join('; ');
  if (process.env['CI'] === 'true') throw new Error(`tests may not be left out when CI=true: ${reason}`);
  return reason;
}

/** A fresh database on the shared server (default: version 18), dropped at disposal together with its slots and roles. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return createDatabaseOn(options.server?.url ?? (await serviceAddress(postgresService(options.major ?? 18))));
}

/** The superuser's URL of the shared server, for tests that make databases by themselves. */
export function postgresUrl(major: PostgresMajor): Promise<string> {
  return serviceAddress(postgresService(major));
}

/** A PostgreSQL of the test's own, to be killed, stopped, restarted and configured. */
export function startPrivatePostgres(options: PrivatePostgresOptions): Promise<EmbeddedPostgres> {
  return startScratchPostgres(options);
}

/** The shared broker's addresses. Use topic names of your own: topics stay until the run ends. */
export async function kafkaBrokers(): Promise<string[]> {
  return (await serviceAddress('kafka')).split(',');
}

/** A Kafka of the test's own, to be killed, stopped and restarted. */
export function startPrivateKafka(options: PrivateKafkaOptions = {}): Promise<PrivateKafka> {
  return startScratchKafka(options);
}

/** The shared NATS server's address, with JetStream. Use stream names of your own: streams stay until the run ends. */
export function natsServers(): Promise<string> {
  return serviceAddress('nats');
}

/** A NATS server of the test's own, to be killed, stopped, restarted and configured. */
export function startPrivateNats(options: PrivateNatsOptions = {}): Promise<PrivateNats> {
  return startScratchNats(options);
}

/** The shared Redis. Use key prefixes of your own: keys stay until the run ends. */
export function redisUrl(): Promise<string> {
  return serviceAddress('redis');
}

/** A Redis of the test's own, to be killed, stopped, restarted and configured. */
export function startPrivateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  return startScratchRedis(options);
}

/** The URL of the shared RabbitMQ. Use names of your own: queues stay until the run ends. */
export function rabbitmqUrl(): Promise<string> {
  return serviceAddress('rabbitmq');
}

/** A RabbitMQ of the test's own, to be killed, stopped, restarted and configured. */
export function startPrivateRabbitmq(options: PrivateRabbitmqOptions = {}): Promise<PrivateRabbitmq> {
  return startScratchRabbitmq(options);
}

async function serviceAddress(name: ServiceName): Promise<string> {
  const service = await obtainService(name);
  if (service.kind === 'available') return service.address;
  throw new Error(`${name} is missing; give the test \`skip: await skipReason('${name}')\`. ${service.reason}`);
}

async function explainMissing(name: ServiceName | PrivateServiceName): Promise<string | undefined> {
  switch (name) {
    case 'privatePostgres15':
      return explainMissingPostgres(15);
    case 'privatePostgres18':
      return explainMissingPostgres(18);
    case 'privateKafka':
      return explainMissingKafka();
    case 'privateNats':
      return explainMissingNats();
    case 'privateRedis':
      return explainMissingRedis();
    case 'privateRabbitmq':
      return explainMissingRabbitmq();
    default: {
      const service = await obtainService(name);
      return service.kind === 'missing' ? service.reason : undefined;
    }
  }
}
