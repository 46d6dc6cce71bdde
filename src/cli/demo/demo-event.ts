import { type OrderStep, orderSteps } from './damage.ts';

/** An event as the receiver gets it, whoever sends it. */
export interface DemoEvent {
  readonly id: string;
  readonly type: `order.${OrderStep}`;
  readonly orderId: string;
}

/** The step that an event tells of; undefined when it is none of ours. */
export function readStep(type: string): OrderStep | undefined {
  return orderSteps.find((step) => type === `order.${step}`);
}

/** Reads what arrived over the wire; undefined when it is no event of the demo. */
export function parseDemoEvent(body: unknown): DemoEvent | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  if (!('id' in body) || !('type' in body) || !('orderId' in body)) return undefined;
  const { id, type, orderId } = body;
  if (typeof id !== 'string' || typeof type !== 'string' || typeof orderId !== 'string') return undefined;
  const step = readStep(type);
  return step === undefined ? undefined : { id, type: `order.${step}`, orderId };
}
