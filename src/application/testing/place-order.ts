import { createEmitter, type EmitMode } from '../emit/emit.ts';
import { defineEvents } from '../emit/events.ts';
import type { EventSchema } from '../emit/event-schema.ts';
import type { TransactionDriver } from './transaction-driver.ts';

/** A row of `public.<table>` and its event, under one key. */
export interface OrderPlan {
  readonly key: string;
  readonly table: 'orders' | 'held';
  readonly mode: EmitMode;
}

/** Where a test steps in. */
export interface OrderHooks {
  beforeEvent?(): Promise<void>;
  behindEvent?(): Promise<void>;
}

const anything: EventSchema<object> = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: {} }) } };
const events = defineEvents({ 'order.placed': anything });
const emit = createEmitter();

/** Row and event in one transaction, in the library's own way. */
export async function placeOrder(driver: TransactionDriver, plan: OrderPlan, hooks: OrderHooks = {}): Promise<void> {
  await driver.run(async (tx, query) => {
    await query(`insert into public.${plan.table} (id) values ('${plan.key}')`);
    await hooks.beforeEvent?.();
    await emit(tx, events['order.placed'], {}, { key: plan.key, mode: plan.mode });
    await hooks.behindEvent?.();
  }, 'commit');
}
