import type { EventDefinition } from '../../../application/emit/events.ts';
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { retry, type RetryPolicy } from '../../../foundation/retry.ts';
import { createUuidV7 } from '../../../foundation/uuid.ts';
import { type DemoEvent, readStep } from '../demo-event.ts';
import type { Order } from './order-events.ts';

/*
 * What an application without Headwater publishes with, and publishes well: all stores at once, an id by which receivers drop
 * repetitions, attempts with growing, jittered delays under that same id. What it cannot have is an id that survives its
 * process: an order that a customer sends again is a new call, with a new id.
 */

/** A derived store, seen from somebody who publishes. Rejects with policy `retry` when another attempt may succeed. */
export type EventStore = (event: DemoEvent) => Promise<void>;

const policy: RetryPolicy = { initialDelayMs: 100, maxDelayMs: 1000, maxAttempts: 6 };

let stores: readonly EventStore[] = [];

/** Says whom to publish to. */
export function publishTo(all: readonly EventStore[]): void {
  stores = all;
}

/** Tells every store of an event and resolves when all have it. @throws HW-DEMO-002 when one has not taken it in six attempts */
export async function publish(definition: EventDefinition, payload: Order, options: { key: string }): Promise<void> {
  const step = readStep(definition.type);
  if (step === undefined) throw new HeadwaterError('HW-DEMO-006', `"${definition.type}" is no event of the shop`);
  const event: DemoEvent = {
    id: createUuidV7(systemClock.now(), systemRandom),
    type: `order.${step}`,
    orderId: options.key,
  };
  await Promise.all(
    stores.map((store) => retry(() => store(event), { policy, clock: systemClock, random: systemRandom })),
  );
}
