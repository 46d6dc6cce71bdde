import { defineView, type View } from '../define-view.ts';
import { type ViewRow, type ViewTableDefinition, viewTable } from '../view-definition.ts';

const accounts: ViewTableDefinition<
  ViewRow<'id' | 'owner' | 'balance'>,
  'byOwner',
  { readonly total: bigint }
> = viewTable({
  source: 'accounts',
  aggregates: {
    total: {
      initial: 0n,
      remove: (sum: bigint, { balance }) => sum - BigInt(balance ?? 0),
      add: (sum: bigint, { balance }) => sum + BigInt(balance ?? 0),
    },
  },
  columns: ['id', 'owner', 'balance'],
  indexes: { byOwner: ({ owner }) => owner },
});

/** Accounts whose balances have one sum at every commit. */
export type BankView = View<{ readonly accounts: typeof accounts }>;

/** A view of them. */
export function bankView(): BankView {
  return defineView({ name: 'bank', tables: { accounts } });
}
