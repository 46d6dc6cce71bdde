import { HeadwaterError } from '../../../foundation/error.ts';

/** What the package offers; only its types are needed before a Kafka lane opens. */
export type KafkaClient = typeof import('@platformatic/kafka');

/**
 * Loads the optional package on first use, so that installations without a Kafka lane need not have it.
 * @throws HW-KAFKA-001 when it is not installed.
 */
export async function loadKafkaClient(): Promise<KafkaClient> {
  try {
    return await import('@platformatic/kafka');
  } catch (thrown) {
    if (!isMissingPackage(thrown)) throw thrown;
    throw new HeadwaterError('HW-KAFKA-001', 'the package @platformatic/kafka was not found', { cause: thrown });
  }
}

function isMissingPackage(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    'code' in thrown &&
    thrown.code === 'ERR_MODULE_NOT_FOUND' &&
    thrown.message.includes('@platformatic/kafka')
  );
}
