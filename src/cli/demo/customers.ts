import { systemClock } from '../../foundation/clock.ts';
import { createSeededRandom, type Random } from '../../foundation/random.ts';
import type { Customer } from './demo-plan.ts';
import { callJson, isRefused } from './json-request.ts';

/** Where and how customers buy. */
export interface CustomerOptions {
  readonly orderServicePort: number;
  readonly customers: readonly Customer[];
  /** Makes the order's id from the customer's number. */
  readonly orderId: (customer: Customer) => string;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told of each request that was answered with success, for the display and for act 3. */
  readonly onAnswer: (answer: AnsweredRequest) => void;
  /** Told of each request that failed once. */
  readonly onFailure: () => void;
}

/** A request that the order service took, at its last attempt. */
export interface AnsweredRequest {
  readonly path: '/orders' | '/payments';
  /** Of the monotonic clock. */
  readonly beganMs: number;
  readonly durationMs: number;
}

/** Most customers at the counter at once; the others queue. */
const CONCURRENCY_MAX = 64;
/** A customer does not look at a spinning wheel for longer. */
const PATIENCE_MS = 400;
const RETRY_DELAY_MS = 200;
/** While the shop does not answer at all, people reload the page. */
const RELOAD_DELAY_MS = 50;

/**
 * Lets every customer come at the planned time, place the order and pay for it. As real clients do, a customer whose
 * connection is lost or who waits too long sends the same request again, with the same order id, and goes away after as many
 * attempts as the plan says. A refused connection is no attempt: nothing was sent. Resolves when the last one has gone.
 */
export async function runCustomers(options: CustomerOptions): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const random = createSeededRandom(options.seed);
  const queue = options.customers[Symbol.iterator]();
  const serveQueue = async (): Promise<void> => {
    for (const customer of queue) {
      const waitMs = customer.arrivalMs - (systemClock.monotonicMs() - startMs);
      if (waitMs > 0) await systemClock.sleep(waitMs, options.signal);
      await buy(customer, options, random);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY_MAX }, serveQueue));
}

async function buy(customer: Customer, options: CustomerOptions, random: Random): Promise<void> {
  const order = { id: options.orderId(customer), total: customer.total };
  for (const path of ['/orders', '/payments'] as const) {
    const isTaken = await insist({ path, order, retryCountMax: customer.retryCountMax }, options, random);
    if (!isTaken) return;
  }
}

interface CustomerRequest {
  readonly path: AnsweredRequest['path'];
  readonly order: { readonly id: string; readonly total: string };
  readonly retryCountMax: number;
}

/** Sends a request until it succeeds or the customer has had enough. */
async function insist(request: CustomerRequest, options: CustomerOptions, random: Random): Promise<boolean> {
  const { orderServicePort: port, signal } = options;
  for (let failureCount = 0; failureCount <= request.retryCountMax;) {
    signal.throwIfAborted();
    const beganMs = systemClock.monotonicMs();
    const outcome = await send({ port, path: request.path, body: request.order, timeoutMs: PATIENCE_MS, signal });
    if (outcome === 'taken') {
      options.onAnswer({ path: request.path, beganMs, durationMs: systemClock.monotonicMs() - beganMs });
      return true;
    }
    if (outcome === 'failed') {
      failureCount += 1;
      options.onFailure();
    }
    const ceilingMs = outcome === 'refused' ? RELOAD_DELAY_MS : RETRY_DELAY_MS * failureCount;
    await systemClock.sleep(Math.ceil(random.next() * ceilingMs), signal);
  }
  return false;
}

async function send(call: Parameters<typeof callJson>[0]): Promise<'taken' | 'failed' | 'refused'> {
  try {
    const { statusCode } = await callJson(call);
    return statusCode === 200 || statusCode === 409 ? 'taken' : 'failed';
  } catch (error) {
    return isRefused(error) ? 'refused' : 'failed';
  }
}
