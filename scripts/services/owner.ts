import { unreachable } from '../../src/foundation/assert.ts';
import { withProgress } from './progress.ts';
import { startScratchKafka, explainMissingKafka } from './kafka.ts';
import { explainMissingNats, startScratchNats } from './nats.ts';
import { explainMissingPostgres, startScratchPostgres } from './postgres.ts';
import { explainMissingRabbitmq, startScratchRabbitmq } from './rabbitmq.ts';
import { explainMissingRedis, startScratchRedis } from './redis.ts';
import { type PostgresMajor, type ServiceAddress, type ServiceName, serviceVariables } from './service.ts';

/** Who needed a service that could not be had. */
export interface MissingService {
  readonly name: ServiceName;
  readonly reason: string;
  readonly requesters: readonly string[];
}

/**
 * Starts each service when it is first asked for, several at once, and once only; owns them to the end. A service whose
 * address stands in the environment is used as it is and never stopped.
 */
export class ServiceOwner implements AsyncDisposable {
  readonly #starts = new Map<ServiceName, Promise<ServiceAddress>>();
  readonly #missing = new Map<ServiceName, { reason: string; requesters: Set<string> }>();
  readonly #running: AsyncDisposable[] = [];
  readonly #stop = new AbortController();

  /** The address of a service, started if need be. A start that fails is an error; what cannot be had here is an answer. */
  async obtain(name: ServiceName, requester: string): Promise<ServiceAddress> {
    let start = this.#starts.get(name);
    if (start === undefined) {
      start = this.#start(name);
      this.#starts.set(name, start);
    }
    const address = await start;
    if (address.kind === 'missing') {
      const entry = this.#missing.get(name) ?? { reason: address.reason, requesters: new Set() };
      entry.requesters.add(requester);
      this.#missing.set(name, entry);
    }
    return address;
  }

  /** The services that could not be had, with those who asked for them. */
  listMissing(): readonly MissingService[] {
    return [...this.#missing].map(([name, { reason, requesters }]) => ({
      name,
      reason,
      requesters: [...requesters].sort(),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the services are being stopped'));
    await Promise.allSettled(this.#starts.values());
    await Promise.all(this.#running.splice(0).map((service) => service[Symbol.asyncDispose]()));
  }

  async #start(name: ServiceName): Promise<ServiceAddress> {
    const given = process.env[serviceVariables[name]];
    if (given !== undefined && given !== '') return { kind: 'available', address: given };
    switch (name) {
      case 'postgres15':
        return this.#startPostgres(15);
      case 'postgres18':
        return this.#startPostgres(18);
      case 'kafka':
        return this.#startKafka();
      case 'nats':
        return this.#startNats();
      case 'redis':
        return this.#startRedis();
      case 'rabbitmq':
        return this.#startRabbitmq();
      default:
        return unreachable(name);
    }
  }

  async #startPostgres(major: PostgresMajor): Promise<ServiceAddress> {
    const missing = await explainMissingPostgres(major);
    if (missing !== undefined) return { kind: 'missing', reason: missing };
    const start = startScratchPostgres({ major, signal: this.#stop.signal });
    const server = await withProgress(`starting PostgreSQL ${major}`, start);
    this.#running.push(server);
    return { kind: 'available', address: server.url };
  }

  async #startKafka(): Promise<ServiceAddress> {
    const missing = await explainMissingKafka();
    if (missing !== undefined) return { kind: 'missing', reason: missing };
    const server = await withProgress('starting Kafka', startScratchKafka({ signal: this.#stop.signal }));
    this.#running.push(server);
    return { kind: 'available', address: server.brokers.join(',') };
  }

  async #startNats(): Promise<ServiceAddress> {
    const missing = await explainMissingNats();
    if (missing !== undefined) return { kind: 'missing', reason: missing };
    const server = await withProgress('starting NATS', startScratchNats({ signal: this.#stop.signal }));
    this.#running.push(server);
    return { kind: 'available', address: server.address };
  }

  async #startRedis(): Promise<ServiceAddress> {
    const missing = await explainMissingRedis();
    if (missing !== undefined) return { kind: 'missing', reason: missing };
    const server = await withProgress('starting Redis', startScratchRedis({ signal: this.#stop.signal }));
    this.#running.push(server);
    return { kind: 'available', address: server.url };
  }

  async #startRabbitmq(): Promise<ServiceAddress> {
    const missing = await explainMissingRabbitmq();
    if (missing !== undefined) return { kind: 'missing', reason: missing };
    const starting = startScratchRabbitmq({ signal: this.#stop.signal });
    const server = await withProgress('starting RabbitMQ', starting);
    this.#running.push(server);
    return { kind: 'available', address: server.url };
  }
}
