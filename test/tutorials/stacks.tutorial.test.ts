import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { packSource } from '../../scripts/packaging/pack-source.ts';
import {
  skipReason,
  startPrivateKafka,
  startPrivatePostgres,
  startPrivateRabbitmq,
  startPrivateRedis,
} from '../../scripts/services/testing.ts';
import { parseTutorial } from '../../scripts/tutorials/parse-tutorial.ts';
import { runTutorial } from '../../scripts/tutorials/run-tutorial.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';

const serviceLineCountMax = 40;
let scratch = '';
let tarball = '';

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'headwater-tutorials-'));
  tarball = await packSource(scratch);
});
after(() => rm(scratch, { recursive: true, force: true }));

function readPage(name: string): Promise<string> {
  return readFile(new URL(`../../docs/tutorials/${name}.md`, import.meta.url), 'utf8');
}

async function ports(): Promise<Readonly<Record<string, string>>> {
  return { PORT: String(await findLoopbackPort()), STATUS_PORT: String(await findLoopbackPort()) };
}

const redisSkip = await skipReason('privatePostgres18', 'privateRedis');
describe('the tutorial of Kysely, Hono and Redis', { skip: redisSkip }, () => {
  it('goes from an empty directory to a kill -9 that loses nothing, as the page shows it', async () => {
    await using postgres = await startPrivatePostgres({ major: 18 });
    await using redis = await startPrivateRedis();
    const environment = { ...(await ports()), DATABASE_URL: postgres.url, REDIS_URL: redis.url };
    await runTutorial({ page: await readPage('kysely-hono-redis'), tarball, environment });
  });
});

const kafkaSkip = await skipReason('privatePostgres18', 'privateKafka');
describe('the tutorial of Drizzle, Fastify and Kafka', { skip: kafkaSkip }, () => {
  it('goes from an empty directory to a kill -9 that loses nothing, as the page shows it', async () => {
    await using postgres = await startPrivatePostgres({ major: 18 });
    await using kafka = await startPrivateKafka();
    const environment = { ...(await ports()), DATABASE_URL: postgres.url, KAFKA_BROKERS: kafka.brokers.join(',') };
    await runTutorial({ page: await readPage('drizzle-fastify-kafka'), tarball, environment });
  });
});

const rabbitmqSkip = await skipReason('privatePostgres18', 'privateRabbitmq');
describe('the tutorial of pg, NestJS and RabbitMQ', { skip: rabbitmqSkip }, () => {
  it('goes from an empty directory to a kill -9 that loses nothing, as the page shows it', async () => {
    await using postgres = await startPrivatePostgres({ major: 18 });
    await using rabbitmq = await startPrivateRabbitmq();
    const server = new URL(rabbitmq.url).host;
    const environment = { ...(await ports()), DATABASE_URL: postgres.url, RABBITMQ_SERVER: server };
    await runTutorial({ page: await readPage('pg-nestjs-rabbitmq'), tarball, environment });
  });
});

for (const name of ['kysely-hono-redis', 'drizzle-fastify-kafka', 'pg-nestjs-rabbitmq']) {
  it(`the order service of ${name} has at most ${serviceLineCountMax} lines`, async () => {
    const steps = parseTutorial(await readPage(name));
    const service = steps.find((step) => step.kind === 'file' && step.content.includes('emit('));
    assert.ok(service?.kind === 'file');
    assert.ok(service.content.trimEnd().split('\n').length <= serviceLineCountMax);
  });
}
