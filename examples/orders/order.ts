import { z } from 'zod';
import { defineEvents } from '../../src/emit.ts';

export const Order = z.object({ id: z.string(), article: z.string(), quantity: z.int().positive() });
export type Order = z.infer<typeof Order>;

export const events = defineEvents({ 'order.placed': Order });

/** Thrown inside a transaction, which then rolls back. */
export class SoldOut extends Error {}
