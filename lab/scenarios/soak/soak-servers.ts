import { explainMissingKafka, type PrivateKafka, startScratchKafka } from '../../../scripts/services/kafka.ts';
import { explainMissingNats, type PrivateNats, startScratchNats } from '../../../scripts/services/nats.ts';
import { explainMissingPostgres, startScratchPostgres } from '../../../scripts/services/postgres.ts';
import {
  explainMissingRabbitmq,
  type PrivateRabbitmq,
  startScratchRabbitmq,
} from '../../../scripts/services/rabbitmq.ts';
import { explainMissingRedis, type PrivateRedis, startScratchRedis } from '../../../scripts/services/redis.ts';
import { WebhookReceiver } from '../../../src/delivery/sinks/webhook/testing/webhook-receiver.ts';
import { FaultProxy } from '../../../src/testing/fault-proxy.ts';
import type { EmbeddedPostgres } from '../../../src/postgres/embedded-server.ts';
import type { Disturbance, SoakTarget } from './soak-plan.ts';

type ServerName = Exclude<SoakTarget, 'headwater'>;

/** Signs the webhooks of a run. */
export const soakSecret: string = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const missing = [
  () => explainMissingPostgres(18),
  explainMissingKafka,
  explainMissingRedis,
  explainMissingNats,
  explainMissingRabbitmq,
];

/** The servers of a run, all private, and the paths to them. */
export class SoakServers implements AsyncDisposable {
  readonly #owned = new AsyncDisposableStack();
  readonly #paths = new Map<SoakTarget, FaultProxy>();
  readonly source: EmbeddedPostgres;
  readonly mirror: EmbeddedPostgres;
  readonly kafka: PrivateKafka;
  readonly redis: PrivateRedis;
  readonly nats: PrivateNats;
  readonly rabbitmq: PrivateRabbitmq;
  readonly webhook: WebhookReceiver;

  private constructor(owned: AsyncDisposableStack, servers: Servers) {
    this.#owned = owned;
    this.source = servers.source;
    this.mirror = servers.mirror;
    this.kafka = servers.kafka;
    this.redis = servers.redis;
    this.nats = servers.nats;
    this.rabbitmq = servers.rabbitmq;
    this.webhook = servers.webhook;
  }

  /** One behind the other: side by side they would starve each other on a small machine. @throws when one cannot be had */
  static async start(signal: AbortSignal): Promise<SoakServers> {
    for (const explain of missing) {
      const reason = await explain();
      if (reason !== undefined) throw new Error(reason);
    }
    await using owned = new AsyncDisposableStack();
    const servers: Servers = {
      source: owned.use(await startScratchPostgres({ major: 18, signal })),
      mirror: owned.use(await startScratchPostgres({ major: 18, signal })),
      kafka: owned.use(await startScratchKafka({ signal })),
      redis: owned.use(await startScratchRedis({ signal, settings: { appendonly: 'yes', appendfsync: 'always' } })),
      nats: owned.use(await startScratchNats({ signal })),
      rabbitmq: owned.use(await startScratchRabbitmq({ signal })),
      webhook: owned.use(await WebhookReceiver.start(soakSecret, ['/soak'])),
    };
    const started = new SoakServers(owned.move(), servers);
    await started.#openPaths();
    return started;
  }

  /** An address with the path that can be cut. */
  reroute(target: ServerName, url: string): string {
    return this.#pathTo(target).reroute(url);
  }

  portOf(target: ServerName): number {
    return this.#pathTo(target).port;
  }

  /** Does it, and resolves when the server answers again. */
  async disturb(target: ServerName, how: Disturbance): Promise<void> {
    if (how === 'cut') {
      this.#pathTo(target).cut();
      return;
    }
    if (target === 'webhook') return this.webhook.restart();
    const server = this[target];
    await (how === 'kill' ? server.kill() : server.stop());
    await server.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }

  async #openPaths(): Promise<void> {
    const addresses: readonly (readonly [ServerName, string])[] = [
      ['source', this.source.url],
      ['mirror', this.mirror.url],
      ['redis', this.redis.url],
      ['nats', `nats://${this.nats.address}`],
      ['rabbitmq', this.rabbitmq.url],
      ['webhook', `http://127.0.0.1:${this.webhook.port}`],
    ];
    for (const [target, address] of addresses) {
      const { hostname: host, port } = new URL(address);
      this.#paths.set(target, this.#owned.use(await FaultProxy.start({ host, port: Number(port) })));
    }
  }

  #pathTo(target: ServerName): FaultProxy {
    const path = this.#paths.get(target);
    if (path === undefined) throw new Error(`there is no path to ${target} that can be cut`);
    return path;
  }
}

interface Servers {
  readonly source: EmbeddedPostgres;
  readonly mirror: EmbeddedPostgres;
  readonly kafka: PrivateKafka;
  readonly redis: PrivateRedis;
  readonly nats: PrivateNats;
  readonly rabbitmq: PrivateRabbitmq;
  readonly webhook: WebhookReceiver;
}
