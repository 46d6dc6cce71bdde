import { createSeededRandom, type Random } from '../../foundation/random.ts';

/** One customer, who places an order and then pays for it. */
export interface Customer {
  /** From 1. The order's id is made of the act and this number. */
  readonly number: number;
  /** As text with two decimals, as money is written. */
  readonly total: string;
  /** When the customer comes, from the start of the act. */
  readonly arrivalMs: number;
  /** How often this customer tries a request again that failed, before going away. */
  readonly retryCountMax: number;
}

/** For how long nobody reaches a store. */
export interface Outage {
  readonly atMs: number;
  readonly durationMs: number;
}

/** What happens in the acts, all of it drawn from one seed before anything starts. Times count from the start of an act. */
export interface DemoPlan {
  readonly seed: number;
  /** Customers arrive, and programs are killed, between zero and this. */
  readonly durationMs: number;
  readonly customers: readonly Customer[];
  /** When the order service gets SIGKILL, in acts 1 and 2 alike. */
  readonly orderServiceKillsMs: readonly number[];
  /** When connections to the receiver break, in acts 1 and 2 alike. */
  readonly receiverCuts: readonly Outage[];
  /** When Headwater gets SIGKILL, in act 2. */
  readonly headwaterKillsMs: readonly number[];
  /** When both derived stores are gone, in act 3. */
  readonly storeOutage: Outage;
}

/** How much happens. The same for every seed. */
export interface DemoScale {
  readonly orderCount: number;
  readonly durationMs: number;
  readonly orderServiceKillCount: number;
  readonly receiverCutCount: number;
  readonly headwaterKillCount: number;
}

/** What the command runs: 500 orders in eight seconds are a small shop on a busy day. */
export const demoScale: DemoScale = {
  orderCount: 500,
  durationMs: 8000,
  orderServiceKillCount: 12,
  receiverCutCount: 5,
  headwaterKillCount: 6,
};

const RETRY_COUNT_MAX = 3;
const CUT_MS_MIN = 300;
const CUT_MS_MAX = 800;
const STORE_OUTAGE_SHARE = { begin: 0.2, length: 0.4 };

/**
 * Draws the whole demo from a seed. Every time is uniform over the run: nothing knows what the order service does at that
 * moment, so nothing can be placed between its two writes. Pure.
 */
export function createDemoPlan(seed: number, scale: DemoScale = demoScale): DemoPlan {
  // A sequence of its own for each purpose: one more kill must not move the customers.
  const sequence = (purpose: number): Random => createSeededRandom(Math.imul(seed, 0x9e3779b1) + purpose);
  const { durationMs } = scale;
  return {
    seed,
    durationMs,
    customers: drawCustomers(sequence(1), scale),
    orderServiceKillsMs: drawTimes(sequence(2), scale.orderServiceKillCount, durationMs),
    receiverCuts: drawCuts(sequence(3), scale),
    headwaterKillsMs: drawTimes(sequence(4), scale.headwaterKillCount, durationMs),
    storeOutage: {
      atMs: Math.round(durationMs * STORE_OUTAGE_SHARE.begin),
      durationMs: Math.round(durationMs * STORE_OUTAGE_SHARE.length),
    },
  };
}

function drawCustomers(random: Random, { orderCount, durationMs }: DemoScale): readonly Customer[] {
  return drawTimes(random, orderCount, durationMs).map((arrivalMs, index) => ({
    number: index + 1,
    total: (5 + random.next() * 195).toFixed(2),
    arrivalMs,
    retryCountMax: Math.floor(random.next() * (RETRY_COUNT_MAX + 1)),
  }));
}

function drawCuts(random: Random, { receiverCutCount, durationMs }: DemoScale): readonly Outage[] {
  return drawTimes(random, receiverCutCount, durationMs).map((atMs) => ({
    atMs,
    durationMs: Math.round(CUT_MS_MIN + random.next() * (CUT_MS_MAX - CUT_MS_MIN)),
  }));
}

function drawTimes(random: Random, count: number, endMs: number): readonly number[] {
  return Array.from({ length: count }, () => Math.floor(random.next() * endMs)).sort((a, b) => a - b);
}
