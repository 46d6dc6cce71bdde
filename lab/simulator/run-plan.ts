import type { HeadwaterProfile } from './simulated-headwater.ts';
import type { ServerProfile } from './wal-sender.ts';
import type { StoreKind } from './simulated-sink.ts';
import type { Scheduler } from './scheduler.ts';

/** How a life of Headwater ends. */
export type LifeEnd =
  /** The process dies; the machine goes on: what was written to files stays, flushed or not. */
  | 'kill'
  /** The machine dies: what was not flushed is lost, kept or torn, page by page. */
  | 'power-cut'
  /** The machine dies in the middle of a call of the disk. */
  | 'power-cut-in-call'
  | 'stop';

/** What happens to the server or on the way to it. */
export type ServerFault = 'crash' | 'cut' | 'hang' | 'checkpoint' | 'other-writes';

/** Everything that is decided before a run begins. Each seed turns on another part of what can go wrong. */
export interface RunPlan {
  readonly transactionCount: number;
  readonly sessionCount: number;
  readonly storeKinds: readonly StoreKind[];
  readonly server: ServerProfile;
  readonly headwater: HeadwaterProfile;
  /** For each life but the last: how it ends, and after how many steps. */
  readonly lives: readonly { readonly end: LifeEnd; readonly stepCount: number }[];
  /** What happens to the server, each after so many milliseconds. */
  readonly serverFaults: readonly { readonly kind: ServerFault; readonly afterMs: number }[];
  /** How often a call that changes the disk fails; never in the last life, where an error would end the process. */
  readonly diskErrorChance: number;
  readonly storeFaultChance: number;
  /** How many records a store that can park refuses, until it is mended. */
  readonly poisonChance: number;
  /** How many steps of the last life still see the faults of server and stores. */
  readonly lastFaultsStepCount: number;
}

/** A short run whose process is to live from its first start to the end of a stop, so that each of its awaits can be crashed at. */
export function planScenario(scheduler: Scheduler): RunPlan {
  const plan = planRun(scheduler);
  return {
    ...plan,
    transactionCount: scheduler.between(2, 3),
    sessionCount: scheduler.between(1, 2),
    server: { ...plan.server, keepaliveMs: Math.max(30, plan.server.keepaliveMs) },
    lives: [],
    // A silence would make it long, and say nothing more about what a crash leaves.
    serverFaults: plan.serverFaults.filter(({ kind }) => kind !== 'hang').slice(0, 2),
    diskErrorChance: 0,
    storeFaultChance: Math.min(0.1, plan.storeFaultChance),
    lastFaultsStepCount: 150,
    // So few records, and some are to be parked.
    poisonChance: plan.poisonChance === 0 ? 0 : 0.5,
  };
}

/** Everything of a run with several lives, from the chances that its seed gives. */
export function planRun(scheduler: Scheduler): RunPlan {
  const choose = <Value>(values: readonly Value[]): Value => {
    const value = values[scheduler.between(0, values.length - 1)];
    if (value === undefined) throw new RangeError('nothing to choose from');
    return value;
  };
  return {
    transactionCount: scheduler.between(3, 14),
    sessionCount: scheduler.between(1, 3),
    storeKinds: [choose<StoreKind>(['mirror', 'mirror', 'log']), choose<StoreKind>(['handler', 'handler', 'inbox'])],
    server: {
      sendsEmpty: scheduler.chance(0.3),
      keepaliveMs: choose([7, 30, 200]),
      walSenderTimeoutMs: choose([300, 3000]),
    },
    headwater: {
      canaryIntervalMs: choose([false, 40, 300]),
      flushIntervalMs: choose([0, 0, 5, 30]),
      statusIntervalMs: choose([10, 50, 300]),
      segmentByteCount: choose([2048, 8192, 1_048_576]),
      byteLimits: {
        byteCount: choose([64, 100_000]),
        spillByteCount: choose([100, 600, 100_000]),
        pendingByteCountMax: choose([300, 100_000]),
      },
      batchRecordCountMax: choose([1, 3, 1000]),
      batchWaitMs: choose([0, 0, 10]),
      concurrencyMax: choose([1, 3, 8]),
      ringByteCountMax: choose([2000, 1_000_000]),
      filtersEvents: scheduler.chance(0.4),
    },
    lives: Array.from({ length: scheduler.between(1, 4) }, () => ({
      end: choose<LifeEnd>(['kill', 'power-cut', 'power-cut', 'power-cut-in-call', 'stop']),
      // Most ends fall into a life that works; some into its beginning.
      stepCount: scheduler.chance(0.25) ? scheduler.between(1, 80) : scheduler.between(80, 500),
    })),
    serverFaults: Array.from({ length: scheduler.between(0, 6) }, () => ({
      kind: choose<ServerFault>(['crash', 'cut', 'cut', 'hang', 'checkpoint', 'checkpoint', 'other-writes']),
      afterMs: scheduler.between(1, 500),
    })),
    diskErrorChance: choose([0, 0, 0.003, 0.02]),
    storeFaultChance: choose([0, 0.05, 0.25]),
    lastFaultsStepCount: scheduler.between(0, 400),
    poisonChance: choose([0, 0.03, 0.15]),
  };
}
