import { type DamageKind, damageKinds } from './damage.ts';
import type { ActReport } from './demo-report.ts';

/** What both systems say about one order, side by side. */
export interface DamageExample {
  readonly kind: DamageKind;
  readonly orderId: string;
  /** What the primary holds, in the order of its steps: `placed, paid`. */
  readonly primary: string;
  readonly store: string;
  /** What the store did, in the order in which it did it. */
  readonly storeSays: string;
}

/** What a kind of damage means, in a person's words. */
export const damageWords: Readonly<Record<DamageKind, string>> = {
  lost: 'lost',
  phantom: 'phantom',
  duplicateEffects: 'twice',
  outOfOrder: 'out of order',
};

/** One example of each kind that an act shows. Pure. */
export function pickExamples(report: ActReport): readonly DamageExample[] {
  return damageKinds.flatMap((kind) => {
    for (const [store, { ids }] of Object.entries(report.stores)) {
      const orderId = ids[kind][0]?.split('/')[0];
      if (orderId === undefined) continue;
      return [
        {
          kind,
          orderId,
          primary: listSteps(report.committed, orderId) || 'no such order',
          store,
          storeSays: listSteps(ids.effects, orderId) || 'never heard of it',
        },
      ];
    }
    return [];
  });
}

function listSteps(steps: readonly string[], orderId: string): string {
  return steps
    .filter((step) => step.startsWith(`${orderId}/`))
    .map((step) => step.slice(orderId.length + 1))
    .join(', ');
}
