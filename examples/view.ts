import { startHeadwater } from '../src/service.ts';
import { defineView, viewTable } from '../src/view.ts';

export const balances = defineView({
  name: 'balances',
  maxBytes: 64 * 1024 * 1024,
  tables: {
    accounts: viewTable({
      source: 'public.accounts',
      columns: ['id', 'owner', 'balance'],
      indexes: { byOwner: (row) => row.owner },
      aggregates: {
        total: {
          initial: 0n,
          add: (sum: bigint, row) => sum + BigInt(row.balance ?? 0),
          remove: (sum: bigint, row) => sum - BigInt(row.balance ?? 0),
        },
      },
    }),
  },
});

await using headwater = await startHeadwater({
  source: { url: process.env['DATABASE_URL'] ?? '' },
  http: false,
  lanes: { balances: { sink: balances.sink, start: 'snapshot' } },
});
await balances.ready();

const { value, position, behind } = balances.read(({ accounts }) => ({
  total: accounts.aggregate('total'),
  ofAnn: accounts.findBy('byOwner', 'ann').map((row) => row.id),
}));
process.stdout.write(`${value.total} at ${position.sequence}, ${behind} behind, ann: ${value.ofAnn.join(' ')}\n`);
await headwater.stop();
