import { z } from 'zod';

import { defineEvents, type EventCatalogue } from '../../../application/emit/events.ts';

/** An order as customers send it. */
export interface Order {
  readonly id: string;
  /** Money as text, so that no digit is lost. */
  readonly total: string;
}

type OrderSchema = z.ZodType<Order, Order>;
const order: OrderSchema = z.object({ id: z.string(), total: z.string() });

/** What the shop tells the rest of the company. */
export const events: EventCatalogue<{ 'order.placed': OrderSchema; 'order.paid': OrderSchema }> = defineEvents({
  'order.placed': order,
  'order.paid': order,
});
