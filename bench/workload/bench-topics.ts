import { loadKafkaClient } from '../../src/delivery/sinks/kafka/load-client.ts';

/** Topics of one benchmark on one broker. */
export interface BenchTopics extends AsyncDisposable {
  /** Makes a topic with one partition. */
  create(name: string): Promise<void>;
  /** Removes a topic with everything in it, so that the next run finds the disk as this one did. */
  remove(name: string): Promise<void>;
}

/** Connects to the broker. */
export async function openBenchTopics(brokers: readonly string[]): Promise<BenchTopics> {
  const { Admin } = await loadKafkaClient();
  const admin = new Admin({ clientId: 'headwater-bench', bootstrapBrokers: [...brokers], retries: 5 });
  return {
    async create(name) {
      await admin.createTopics({ topics: [name], partitions: 1, replicas: 1 });
    },
    remove: (name) => admin.deleteTopics({ topics: [name] }),
    [Symbol.asyncDispose]: () => admin.close(),
  };
}
