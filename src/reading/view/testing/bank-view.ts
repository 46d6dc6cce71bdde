import { defineView, type View } from '../define-view.ts';
import { type ViewRow, type ViewTableDefinition, viewTable } from '../view-definition.ts';

const accounts: ViewTableDefinition<
  ViewRow<'id' | 'owner' | 'balance'>,
  'byOwner',
  { readonly total: bigint }
> = viewTable({
  source: 'accounts',
  columns: ['id', 'owner', 'balance'],
  indexes: { byOwner: (row) => row.owner },
  aggregates: {
    total: {
      initial: 0n,
      add: (sum: bigint, row) => sum + BigInt(row.balance ?? 0),
      remove: (sum: bigint, row) => sum - BigInt(row.balance ?? 0),
    },
  },
});

/** Accounts whose balances have one sum at every commit. */
export type BankView = View<{ readonly accounts: typeof accounts }>;

/** A view of them. */
export function bankView(): BankView {
  return defineView({ name: 'bank', tables: { accounts } });
}
