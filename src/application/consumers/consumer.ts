import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { type Logger, silentLogger } from '../../foundation/logger.ts';
import { type Random, systemRandom } from '../../foundation/random.ts';
import { defaultRetryPolicy, planRetryDelayMs } from '../../foundation/retry.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { ReceivedMessage } from '../inbox/received-message.ts';
import { decideFailure } from './failure-decision.ts';

/** What every ready consumer takes. */
export interface ConsumerOptions {
  /** Takes each message; a message is acknowledged once it has committed, and never before. */
  readonly inbox: Pick<Inbox<unknown>, 'name' | 'receive' | 'park' | 'sweep'>;
  /** Ends the consumer: what is in hand is finished and acknowledged, everything else comes again to the next one. */
  readonly signal: AbortSignal;
  /**
   * How often the handler is tried with one message, with growing delays, before it is parked and the next one goes on. While database or
   * network are away, attempts do not count. Default 10.
   */
  readonly attemptsMax?: number;
  /** How many messages are in hand at once. Default 64. */
  readonly inFlightMax?: number;
  /** How often what waits in an ordered inbox is looked after. Default 30,000 ms. */
  readonly sweepIntervalMs?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A message that a broker has delivered. */
export interface Delivery {
  /** @throws HW-INBOX-004 when it cannot be read, HW-INBOX-022 when a newer Headwater wrote it */
  read(): ReceivedMessage;
  /** What it is parked as when it cannot be read: its bytes, under its place at the broker. */
  readonly raw: ReceivedMessage;
}

/** Options with every default filled in. */
export interface ConsumerSettings extends Required<Omit<ConsumerOptions, 'random'>> {
  readonly random: Random;
}

/** Fills in the defaults. @throws HW-INBOX-002 */
export function resolveConsumerOptions(options: ConsumerOptions): ConsumerSettings {
  const { attemptsMax = 10, inFlightMax = 64, sweepIntervalMs = 30_000 } = options;
  for (const [name, value] of Object.entries({ attemptsMax, inFlightMax, sweepIntervalMs })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    const message = `the option "${name}" of a consumer is no whole number from 1`;
    throw new HeadwaterError('HW-INBOX-002', message, { details: { option: name } });
  }
  return {
    inbox: options.inbox,
    signal: options.signal,
    attemptsMax,
    inFlightMax,
    sweepIntervalMs,
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}

/**
 * Takes one delivery by the inbox, as often as it needs. Resolves when it may be acknowledged: its effect is committed, or it is parked with
 * its reason, so that it holds back no other. Rejects with `signal.reason` between two attempts, and with an error that must stop the
 * consumer: the delivery comes again.
 */
export async function takeDelivery(settings: ConsumerSettings, delivery: Delivery): Promise<void> {
  const { attemptsMax, clock, inbox, logger, random, signal } = settings;
  let counted = 0;
  let received: ReceivedMessage | undefined;
  let parking: { readonly reason: 'unreadable' | 'attempts'; readonly detail: string } | undefined;
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      if (parking !== undefined) {
        await inbox.park(received ?? delivery.raw, parking.reason, parking.detail);
        return;
      }
      received ??= delivery.read();
      const { kind } = await inbox.receive(received);
      if (kind === 'mismatch') logger.warn('inbox.mismatch', { consumer: inbox.name, message: received.id });
      return;
    } catch (thrown) {
      const decision = decideFailure(thrown);
      if (decision === 'stop') throw thrown;
      if (decision === 'count') counted += 1;
      const { code, text } = describe(thrown);
      logger.warn('inbox.attempt_failed', { consumer: inbox.name, message: received?.id, attempt, code, error: text });
      if (decision === 'unreadable') {
        // A message that was read and has no valid id or key cannot be parked under them either.
        if (code === 'HW-INBOX-004') received = undefined;
        parking = { reason: 'unreadable', detail: text };
        continue;
      }
      if (counted >= attemptsMax) parking = { reason: 'attempts', detail: text };
      await clock.sleep(planRetryDelayMs(defaultRetryPolicy, attempt, random.next()), signal);
    }
  }
}

function describe(thrown: unknown): { readonly code: string; readonly text: string } {
  if (!(thrown instanceof Error)) return { code: 'unknown', text: typeof thrown };
  const code: unknown = 'code' in thrown ? thrown.code : thrown.name;
  return { code: String(code), text: (thrown.message.split('\n', 1)[0] ?? '').slice(0, 500) };
}

/** Looks after what waits in the inbox until the signal is aborted. Resolves then; failures are told in the log. */
export async function sweepRegularly(settings: ConsumerSettings): Promise<void> {
  const { clock, inbox, logger, signal, sweepIntervalMs } = settings;
  while (!signal.aborted) {
    try {
      await clock.sleep(sweepIntervalMs, signal);
      await inbox.sweep({ signal });
    } catch (thrown) {
      if (signal.aborted) return;
      logger.warn('inbox.sweep_failed', { consumer: inbox.name, error: describe(thrown).text });
    }
  }
}
