import { HeadwaterError } from '../../foundation/error.ts';
import { defaultRetryPolicy, planRetryDelayMs } from '../../foundation/retry.ts';
import { type ConsumerSettings, sweepRegularly } from './consumer.ts';

/**
 * Looks after what waits in the inbox, and runs `consume` until the signal is aborted, again with growing delays after each loss of the connection. `established` tells that the
 * broker has been reached, so that the next delay is short again. Rejects with an error whose policy is to stop.
 */
export async function runConnected(
  settings: ConsumerSettings,
  consume: (established: () => void) => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const sweeping = sweepRegularly({ ...settings, signal: AbortSignal.any([settings.signal, ended.signal]) });
  try {
    await runAgain(settings, consume);
  } finally {
    ended.abort();
    await sweeping;
  }
}

async function runAgain(
  { clock, inbox, logger, random, signal }: ConsumerSettings,
  consume: (established: () => void) => Promise<void>,
): Promise<void> {
  let attempt = 0;
  while (!signal.aborted) {
    attempt += 1;
    try {
      await consume(() => {
        attempt = 0;
      });
      if (signal.aborted) return;
      logger.warn('inbox.connection_ended', { consumer: inbox.name });
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof HeadwaterError && thrown.policy === 'stop') throw thrown;
      const error = thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '') : String(thrown);
      logger.warn('inbox.connection_lost', { consumer: inbox.name, error, attempt });
    }
    const delayMs = planRetryDelayMs(defaultRetryPolicy, Math.max(1, attempt), random.next());
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

/** What a client of a broker threw while messages were consumed. */
export function toLostConnection(thrown: unknown): HeadwaterError {
  return HeadwaterError.from(thrown, 'HW-INBOX-021', 'the connection to the broker was lost');
}
