/** What an order goes through, in this order. */
export const orderSteps = ['placed', 'paid'] as const;
/** One of them. */
export type OrderStep = (typeof orderSteps)[number];

/** One step of one order, as the primary committed it. */
export interface CommittedStep {
  readonly orderId: string;
  readonly step: OrderStep;
}

/** One effect in a derived store: mail sent, goods reserved, row reported. */
export interface Effect extends CommittedStep {
  /** By which the store drops what it has had before. */
  readonly eventId: string;
}

/** How one store stands against the primary. All zeros but the first two, which are equal: nothing is wrong. */
export interface StoreCount {
  /** Steps that the primary holds. */
  readonly committed: number;
  /** Those of them that took effect in the store. */
  readonly delivered: number;
  /** Committed, and unknown to the store. */
  readonly lost: number;
  /** In the store, and unknown to the primary. */
  readonly phantom: number;
  /** Effects beyond the first of their step. */
  readonly duplicateEffects: number;
  /** Orders whose effects came in another order than their steps: an older state followed a newer one. */
  readonly outOfOrder: number;
}

/** The ids behind the numbers, from which they can be counted again: steps as `order/step`. */
export interface StoreIds {
  /** Every effect of the store, in the order of its arrival. */
  readonly effects: readonly string[];
  readonly lost: readonly string[];
  readonly phantom: readonly string[];
  /** Once for each effect too many. */
  readonly duplicateEffects: readonly string[];
  /** Ids of orders. */
  readonly outOfOrder: readonly string[];
}

/** A store's numbers with their ids. */
export interface StoreReport extends StoreCount {
  readonly ids: StoreIds;
}

/** The four ways in which a store can be wrong. */
export const damageKinds = ['lost', 'phantom', 'duplicateEffects', 'outOfOrder'] as const;
/** One of them. */
export type DamageKind = (typeof damageKinds)[number];

/** Writes a step as the reports do. */
export function formatStep({ orderId, step }: CommittedStep): string {
  return `${orderId}/${step}`;
}

/** Compares what the primary committed with what a store did, in the order of arrival. Pure. */
export function countDamage(committed: readonly CommittedStep[], effects: readonly Effect[]): StoreReport {
  const wanted = new Set(committed.map(formatStep));
  const arrived = effects.map(formatStep);
  const known = new Set(arrived);
  const ids: StoreIds = {
    effects: arrived,
    lost: [...wanted].filter((step) => !known.has(step)),
    phantom: [...known].filter((step) => !wanted.has(step)),
    duplicateEffects: findRepeated(arrived),
    outOfOrder: findReordered(effects),
  };
  return {
    committed: wanted.size,
    delivered: wanted.size - ids.lost.length,
    lost: ids.lost.length,
    phantom: ids.phantom.length,
    duplicateEffects: ids.duplicateEffects.length,
    outOfOrder: ids.outOfOrder.length,
    ids,
  };
}

/** Whether a store is wrong in any way. */
export function hasDamage(count: StoreCount): boolean {
  return damageKinds.some((kind) => count[kind] > 0);
}

function findRepeated(steps: readonly string[]): string[] {
  const seen = new Set<string>();
  return steps.filter((step) => {
    const isRepeated = seen.has(step);
    seen.add(step);
    return isRepeated;
  });
}

function findReordered(effects: readonly Effect[]): string[] {
  const latest = new Map<string, number>();
  const reordered = new Set<string>();
  for (const { orderId, step } of effects) {
    const rank = orderSteps.indexOf(step);
    if (rank < (latest.get(orderId) ?? 0)) reordered.add(orderId);
    latest.set(orderId, Math.max(rank, latest.get(orderId) ?? 0));
  }
  return [...reordered];
}
