import { defineEvents } from '../../src/index.ts';
import { z } from 'zod';

export const events = defineEvents({
  'order.placed': z.object({ orderId: z.string(), total: z.string() }),
});
