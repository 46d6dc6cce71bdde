import { createSeededRandom, type Random } from '../../../src/foundation/random.ts';
import { drawMoments } from '../kill-plan.ts';

/** What is disturbed. */
export type SoakTarget = 'headwater' | 'source' | 'mirror' | 'kafka' | 'redis' | 'nats' | 'rabbitmq' | 'webhook';

/** What happens to it: SIGKILL, an orderly stop (each started again at once), or every connection to it is cut. */
export type Disturbance = 'kill' | 'stop' | 'cut';

/** Records that a sink refuses: too large for Kafka and RabbitMQ, or of a type that receiver and handler refuse. */
export type Poison = 'large' | 'refused';

/** What the scenario does, and when, in milliseconds since the load began. */
export type SoakStep = { readonly atMs: number } & (
  | { readonly kind: 'disturb'; readonly target: SoakTarget; readonly how: Disturbance }
  | { readonly kind: 'poison'; readonly poison: Poison }
  /** What is parked is mended and tried again; `restart` lifts the limits of size, too, which needs other options. */
  | { readonly kind: 'mend'; readonly how: 'restart' | 'in-place' }
);

/** Fractions of the run. Headwater itself is left alone from the second mend on, so that its own growth can be seen. */
export const soakPhases = {
  mendAt: 0.42,
  /** From here on, up to `samplesEnd`, samples count for the slopes. */
  samplesBegin: 0.5,
  mendInPlaceAt: 0.72,
  samplesEnd: 0.92,
} as const;

const disturbances: Readonly<Record<Exclude<SoakTarget, 'headwater'>, readonly Disturbance[]>> = {
  source: ['kill', 'stop', 'cut'],
  mirror: ['kill', 'stop', 'cut'],
  // Brokers are found by the addresses that they announce, past any other path.
  kafka: ['kill', 'stop'],
  redis: ['kill', 'stop', 'cut'],
  nats: ['kill', 'stop', 'cut'],
  rabbitmq: ['kill', 'stop', 'cut'],
  webhook: ['kill', 'cut'],
};
const leastGapMs = 3000;
const disturbanceCountMax = 100;

/** Draws the whole run. Pure: the same seed and length, the same plan. */
export function planSoak(seed: number, runMs: number): readonly SoakStep[] {
  const random = createSeededRandom(seed);
  const count = Math.min(disturbanceCountMax, Math.max(8, Math.floor(runMs / leastGapMs)));
  const earlyCount = Math.floor(count * soakPhases.mendAt);
  const lateCount = count - earlyCount;
  const stores = dealStores(random, count);
  const early = drawMoments(random, earlyCount, runMs * soakPhases.mendAt).map((atMs, index): SoakStep => {
    const store = stores[index];
    // Every second one strikes Headwater, now hard, now in order.
    if (index % 2 === 1 || store === undefined)
      return { kind: 'disturb', atMs, target: 'headwater', how: index % 4 === 1 ? 'kill' : 'stop' };
    return { kind: 'disturb', atMs, ...store };
  });
  const lateMs = runMs * soakPhases.mendAt;
  const late = drawMoments(random, lateCount, runMs - lateMs).flatMap((atMs, index): SoakStep[] => {
    const store = stores[earlyCount + index];
    return store === undefined ? [] : [{ kind: 'disturb', atMs: Math.round(lateMs + atMs), ...store }];
  });
  const steps: SoakStep[] = [
    ...early,
    ...late,
    ...poison(random, runMs, { from: 0.05, to: 0.3, poisons: ['large', 'refused'] }),
    { kind: 'mend', how: 'restart', atMs: Math.round(runMs * soakPhases.mendAt) },
    ...poison(random, runMs, { from: 0.6, to: 0.68, poisons: ['refused'] }),
    { kind: 'mend', how: 'in-place', atMs: Math.round(runMs * soakPhases.mendInPlaceAt) },
    ...poison(random, runMs, { from: soakPhases.samplesEnd, to: 0.99, poisons: ['large', 'refused'] }),
  ];
  return steps.toSorted((one, other) => one.atMs - other.atMs);
}

type StoreDisturbance = { readonly target: SoakTarget; readonly how: Disturbance };

/** Every store in every way once before any comes again, in an order that is drawn. */
function dealStores(random: Random, count: number): readonly StoreDisturbance[] {
  const deck = Object.entries(disturbances).flatMap(([target, hows]) =>
    hows.map((how): StoreDisturbance => ({ target: target as SoakTarget, how })),
  );
  const dealt: StoreDisturbance[] = [];
  while (dealt.length < count) {
    const order = deck.map((entry) => ({ entry, place: random.next() })).toSorted((a, b) => a.place - b.place);
    dealt.push(...order.map(({ entry }) => entry));
  }
  return dealt.slice(0, count);
}

interface PoisonWindow {
  readonly from: number;
  readonly to: number;
  readonly poisons: readonly Poison[];
}

const poisonCount = 3;

function poison(random: Random, runMs: number, { from, poisons, to }: PoisonWindow): readonly SoakStep[] {
  return poisons.flatMap((kind) =>
    drawMoments(random, poisonCount, runMs * (to - from)).map((atMs): SoakStep => ({
      kind: 'poison',
      poison: kind,
      atMs: Math.round(runMs * from + atMs),
    })),
  );
}
