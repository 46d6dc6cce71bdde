import { HeadwaterError } from '../../../foundation/error.ts';

/** What the two packages offer; only their types are needed before a NATS lane opens. */
export interface NatsClient {
  readonly transport: typeof import('@nats-io/transport-node');
  readonly jetstream: typeof import('@nats-io/jetstream');
}

/**
 * Loads the optional packages on first use, so that installations without a NATS lane need not have them.
 * @throws HW-NATS-001 when one of them is not installed.
 */
export async function loadNatsClient(): Promise<NatsClient> {
  try {
    const [transport, jetstream] = await Promise.all([import('@nats-io/transport-node'), import('@nats-io/jetstream')]);
    return { transport, jetstream };
  } catch (thrown) {
    const missing = nameMissingPackage(thrown);
    if (missing === undefined) throw thrown;
    throw new HeadwaterError('HW-NATS-001', `the package ${missing} was not found`, { cause: thrown });
  }
}

function nameMissingPackage(thrown: unknown): string | undefined {
  const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND';
  return isMissing ? /@nats-io\/[a-z-]+/.exec(thrown.message)?.[0] : undefined;
}
