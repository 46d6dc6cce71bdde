import { startHeadwater } from '../../../service/headwater.ts';
import { bankView } from './bank-view.ts';

/** A program with a view, to be killed: `view-child.ts URL SLOT DIRECTORY`. Prints the sequence of each state that it shows. */
const [url = '', slot = '', directory = ''] = process.argv.slice(2);
const view = bankView();
await startHeadwater({
  source: { url, slot },
  journal: { directory },
  http: false,
  lanes: { bank: { sink: view.sink } },
});
await view.ready();
for (;;) {
  const { sequence } = view.condition().position;
  process.stdout.write(`shows ${sequence}\n`);
  await view.waitFor({ sequence: sequence + 1n }, { timeoutMs: 600_000 });
}
