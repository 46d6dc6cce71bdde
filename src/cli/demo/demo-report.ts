import { type DamageKind, damageKinds, hasDamage, type StoreReport } from './damage.ts';
import type { OutageReport } from './outage-report.ts';

/** The three acts. */
export type ActNumber = 1 | 2 | 3;

/** A SIGKILL as it was sent. */
export interface Kill {
  readonly program: string;
  /** From the start of the act, as the seed gave it. */
  readonly atMs: number;
}

/** What one act left behind, as the stores themselves say. */
export interface ActReport {
  readonly act: ActNumber;
  /** Every step that the primary holds, as `order/step`. */
  readonly committed: readonly string[];
  readonly stores: Readonly<Record<string, StoreReport>>;
  readonly kills: readonly Kill[];
  /** Events that came to the receiver again and that it dropped by their ids: at least once, made visible. */
  readonly repetitions: number;
  /** What the customers saw: requests that were taken, and attempts that failed. */
  readonly requests: { readonly answered: number; readonly failed: number };
  /** Only in act 3. */
  readonly outage?: OutageReport;
}

/** The last line of `headwater demo --json`, version 1. */
export interface DemoReport {
  readonly version: 1;
  readonly seed: number;
  readonly acts: readonly ActReport[];
  /** How many processes got a SIGKILL, by their name. */
  readonly kills: Readonly<Record<string, number>>;
  /** Damage in act 1, and none in acts 2 and 3. */
  readonly ok: boolean;
  /** From the start of the outermost process until a store had acknowledged an event that came through Headwater. */
  readonly firstEventSeconds: number;
  readonly totalSeconds: number;
}

/** What the ids of an act's orders begin with. */
export function orderPrefix(act: ActNumber | 0): string {
  return `${act}-`;
}

/** Whether the demo showed what it is there to show. Pure. */
export function isProven(acts: readonly ActReport[]): boolean {
  const [naive, ...others] = acts;
  if (naive === undefined || others.length !== 2) return false;
  const isFaultless = ({ committed, stores }: ActReport): boolean =>
    committed.length > 0 && Object.values(stores).every((store) => !hasDamage(store));
  return Object.values(naive.stores).some(hasDamage) && others.every(isFaultless);
}

/** The kinds of damage that an act did, over all stores. Pure. */
export function listDamage({ stores }: ActReport): readonly DamageKind[] {
  return damageKinds.filter((kind) => Object.values(stores).some((store) => store[kind] > 0));
}

/** Kills of all acts by program. Pure. */
export function countKills(acts: readonly ActReport[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { program } of acts.flatMap((act) => act.kills)) counts[program] = (counts[program] ?? 0) + 1;
  return counts;
}
