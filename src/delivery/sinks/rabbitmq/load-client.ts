import { HeadwaterError } from '../../../foundation/error.ts';

/** What the package offers; only its types are needed before a RabbitMQ lane opens. */
export type RabbitmqClient = typeof import('amqplib');

/**
 * Loads the optional package on first use, so that installations without a RabbitMQ lane need not have it.
 * @throws HW-RABBITMQ-001 when it is not installed.
 */
export async function loadRabbitmqClient(): Promise<RabbitmqClient> {
  try {
    return (await import('amqplib')).default;
  } catch (thrown) {
    const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing) throw thrown;
    throw new HeadwaterError('HW-RABBITMQ-001', 'the package amqplib was not found', { cause: thrown });
  }
}
