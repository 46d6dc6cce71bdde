/** The servers that tests, the demo and the benchmarks use, each shared by one run. */
export type ServiceName = 'postgres15' | 'postgres18' | 'kafka' | 'nats' | 'rabbitmq' | 'redis';

/** The PostgreSQL versions that are tested: the oldest and the newest that have binaries in a package. */
export type PostgresMajor = 15 | 18;

/** Where a service is, or why there is none. */
export type ServiceAddress =
  /** A PostgreSQL URL of a superuser, Kafka's brokers or NATS servers with commas between them, or the URL of RabbitMQ or Redis. */
  | { readonly kind: 'available'; readonly address: string }
  /** A sentence for people: what is missing and how to get it. */
  | { readonly kind: 'missing'; readonly reason: string };

/** The environment variable that gives the address of a server of one's own. */
export const serviceVariables: Readonly<Record<ServiceName, string>> = {
  postgres15: 'HEADWATER_TEST_POSTGRES_15_URL',
  postgres18: 'HEADWATER_TEST_POSTGRES_18_URL',
  kafka: 'HEADWATER_TEST_KAFKA_BROKERS',
  nats: 'HEADWATER_TEST_NATS_SERVERS',
  redis: 'HEADWATER_TEST_REDIS_URL',
  rabbitmq: 'HEADWATER_TEST_RABBITMQ_URL',
};

export function isServiceName(text: string): text is ServiceName {
  return Object.hasOwn(serviceVariables, text);
}

export function postgresService(major: PostgresMajor): ServiceName {
  return major === 15 ? 'postgres15' : 'postgres18';
}
