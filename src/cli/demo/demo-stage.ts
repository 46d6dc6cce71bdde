import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { startEmbeddedPostgres } from '../../postgres/embedded-server.ts';
import { findLoopbackPort } from '../../postgres/loopback-port.ts';
import type { ProgramSettings } from './child-program.ts';
import type { Effect } from './damage.ts';
import { openDemoDirectory } from './demo-directory.ts';
import { callJson } from './json-request.ts';
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
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await openDemoDirectory()).path;
  await mkdir(join(directory, 'journal'), { mode: 0o700 });
  const [orderServicePort, receiverPort, headwaterPort] = await Promise.all([
    findLoopbackPort(),
    findLoopbackPort(),
    findLoopbackPort(),
  ]);
  const describe = (name: string, entry: string): SupervisedProgram =>
    owned.use(new SupervisedProgram({ name, entry, directory }));
  const orderService = describe('order service', 'shop/order-service-program');
  const headwater = describe('headwater', 'headwater-program');
  const receiver = describe('receiver', 'receiver-program');
  // The programs load their code while PostgreSQL starts.
  for (const program of [headwater, orderService]) program.preload();
  receiver.launch({ port: String(receiverPort), ledgerFile: join(directory, 'receiver.sqlite') });
  const serverUrl = options.serverUrl ?? owned.use(await startServer(directory, options.signal)).url;
  // A private server goes as a whole.
  const atEnd = options.serverUrl === undefined ? 'leave' : 'drop';
  const databases = owned.use(await createShopDatabases({ serverUrl, atEnd, signal: options.signal }));
  // Before the slot and the databases can go, whoever uses them has to.
  owned.defer(async () => {
    await Promise.all([orderService.kill(), headwater.kill()]);
  });
  await receiver.waitUntilReady(options.signal);

  const shared: ProgramSettings = {
    shopUrl: databases.shopUrl,
    reportsUrl: databases.reportsUrl,
    receiverPort: String(receiverPort),
    ...(options.kafka === undefined ? {} : { kafkaBrokers: options.kafka.brokers, kafkaTopic: options.kafka.topic }),
  };
  const stores: DerivedStore[] = [
    { name: 'receiver', readEffects: (prefix) => readReceiverEffects(receiverPort, prefix) },
    { name: 'reports', readEffects: (prefix) => databases.readReported(prefix) },
    ...(options.kafka === undefined ? [] : [options.kafka]),
  ];
  // From here on the stage owns what was opened.
  const ending = owned.move();
  return {
    databases,
    stores,
    orderService,
    orderServicePort,
    receiver,
    countRepetitions: (prefix) => countRepetitions(receiverPort, prefix),
    headwater,
    explainLanes: () => explainLanes(headwaterPort),
    async startOrderService(version) {
      orderService.launch({ ...shared, version, port: String(orderServicePort) });
      await orderService.waitUntilReady(options.signal);
    },
    async startHeadwater() {
      const journalDirectory = join(directory, 'journal');
      headwater.launch({ ...shared, slot: databases.slot, journalDirectory, httpPort: String(headwaterPort) });
      await headwater.waitUntilReady(options.signal);
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

async function startServer(directory: string, signal: AbortSignal): Promise<{ url: string } & AsyncDisposable> {
  return startEmbeddedPostgres({ directory: join(directory, 'postgres'), lifetime: 'scratch', signal });
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
