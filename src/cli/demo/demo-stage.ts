import { join } from 'node:path';

import { startEmbeddedPostgres } from '../../postgres/embedded-server.ts';
import { findLoopbackPort } from '../../postgres/loopback-port.ts';
import type { ProgramSettings } from './child-program.ts';
import type { Effect } from './damage.ts';
import { openDemoDirectory } from './demo-directory.ts';
import { callJson } from './json-request.ts';
import { OpenedResources } from './opened-resources.ts';
import { countRepetitions, readReceiverEffects } from './receiver-client.ts';
import { createShopDatabases, type ShopDatabases } from './shop-database.ts';
import { SupervisedProgram } from './supervised-program.ts';

const STATUS_TIMEOUT_MS = 2000;

/** A derived store as the demo asks it at the end: for its effects, in the order of their arrival. */
export interface DerivedStore {
  readonly name: string;
  readonly readEffects: (prefix: string) => Promise<readonly Effect[]>;
}

/** Everything that runs, and nothing that was decided: programs, databases, ports. */
export interface DemoStage extends AsyncDisposable {
  readonly databases: ShopDatabases;
  readonly stores: readonly DerivedStore[];
  readonly orderService: SupervisedProgram;
  readonly orderServicePort: number;
  readonly receiver: SupervisedProgram;
  /** How many events the receiver has dropped because it had had their ids. */
  countRepetitions(prefix: string): Promise<number>;
  readonly headwater: SupervisedProgram;
  /** What Headwater's own status says about its lanes, in one line. */
  explainLanes(): Promise<string>;
  /** Starts one version of the order service, in place of the other. */
  startOrderService(version: 'naive' | 'emitting'): Promise<void>;
  startHeadwater(): Promise<void>;
}

/** A Kafka that the demo may use. */
export interface StageKafka extends DerivedStore {
  readonly brokers: string;
  readonly topic: string;
}

/** What the stage is built from. */
export interface StageOptions {
  /** A server of the user's own; undefined starts a private one. */
  readonly serverUrl: string | undefined;
  readonly kafka: StageKafka | undefined;
  readonly signal: AbortSignal;
}

/** Starts everything at once. On failure and at disposal nothing is left: no process, no slot, no database, no directory. */
export async function openDemoStage(options: StageOptions): Promise<DemoStage> {
  const opened = new OpenedResources();
  try {
    return await openStage(options, opened);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function openStage(options: StageOptions, opened: OpenedResources): Promise<DemoStage> {
  const { kafka, signal } = options;
  const directory = opened.use(await openDemoDirectory()).path;
  const ports = {
    orderService: await findLoopbackPort(),
    receiver: await findLoopbackPort(),
    http: await findLoopbackPort(),
  };
  const { headwater, orderService, receiver } = createPrograms(directory, opened);
  // The programs load their code while PostgreSQL starts.
  for (const program of [headwater, orderService]) program.preload();
  receiver.launch({ port: String(ports.receiver), ledgerFile: join(directory, 'receiver.sqlite') });
  const databases = await openDatabases(directory, options, opened);
  // Before the slot and the databases can go, whoever uses them has to.
  opened.defer(async () => {
    await Promise.all([orderService.kill(), headwater.kill()]);
  });
  await receiver.waitUntilReady(signal);
  const shared: ProgramSettings = {
    shopUrl: databases.shopUrl,
    reportsUrl: databases.reportsUrl,
    receiverPort: String(ports.receiver),
    ...(kafka === undefined ? {} : { kafkaBrokers: kafka.brokers, kafkaTopic: kafka.topic }),
  };
  return {
    databases,
    stores: [
      { name: 'receiver', readEffects: (prefix) => readReceiverEffects(ports.receiver, prefix) },
      { name: 'reports', readEffects: (prefix) => databases.readReported(prefix) },
      ...(kafka === undefined ? [] : [kafka]),
    ],
    orderService,
    orderServicePort: ports.orderService,
    receiver,
    countRepetitions: (prefix) => countRepetitions(ports.receiver, prefix),
    headwater,
    explainLanes: () => explainLanes(ports.http),
    async startOrderService(version) {
      orderService.launch({ ...shared, version, port: String(ports.orderService) });
      await orderService.waitUntilReady(signal);
    },
    async startHeadwater() {
      const journalDirectory = join(directory, 'journal');
      headwater.launch({ ...shared, slot: databases.slot, journalDirectory, httpPort: String(ports.http) });
      await headwater.waitUntilReady(signal);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

type StagePrograms = Pick<DemoStage, 'headwater' | 'orderService' | 'receiver'>;

function createPrograms(directory: string, opened: OpenedResources): StagePrograms {
  const create = (name: string, entry: string): SupervisedProgram =>
    opened.use(new SupervisedProgram({ name, entry, directory }));
  return {
    orderService: create('order service', 'shop/order-service-program'),
    headwater: create('headwater', 'headwater-program'),
    receiver: create('receiver', 'receiver-program'),
  };
}

async function openDatabases(
  directory: string,
  { serverUrl, signal }: StageOptions,
  opened: OpenedResources,
): Promise<ShopDatabases> {
  if (serverUrl !== undefined) {
    return opened.use(await createShopDatabases({ serverUrl, atEnd: 'drop', signal }));
  }
  const server = opened.use(
    await startEmbeddedPostgres({ directory: join(directory, 'postgres'), lifetime: 'scratch', signal }),
  );
  // A private server goes as a whole.
  return opened.use(await createShopDatabases({ serverUrl: server.url, atEnd: 'leave', signal }));
}

async function explainLanes(port: number): Promise<string> {
  try {
    const { body } = await callJson({ port, path: '/status', timeoutMs: STATUS_TIMEOUT_MS });
    const lanes = typeof body === 'object' && body !== null && 'lanes' in body ? body.lanes : body;
    return `headwater says ${JSON.stringify(lanes)}`;
  } catch (error) {
    return `headwater does not answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}
