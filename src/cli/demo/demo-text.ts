import { formatTable } from '../format-status.ts';
import type { TextStyle } from '../terminal.ts';
import { damageKinds, hasDamage, type StoreReport } from './damage.ts';
import type { ChangedLine } from './code-change.ts';
import type { ActNumber, ActReport, DemoReport } from './demo-report.ts';
import { damageWords, pickExamples } from './describe-damage.ts';

/** What each act is about, in one line. */
export const actTitles: Readonly<Record<ActNumber, string>> = {
  1: 'the naive way: the order service writes to PostgreSQL and publishes by itself',
  2: 'the same orders and kills through emit and Headwater, and Headwater is killed too',
  3: 'the receiver and the reports are gone for a while; the shop goes on selling',
};

/** The table of damage: one row for each act and store. Pure. */
export function formatDamageTable(acts: readonly ActReport[], style: TextStyle): readonly string[] {
  const rows = acts.flatMap(({ act, stores }) => Object.entries(stores).map(([name, store]) => ({ act, name, store })));
  const [head = '', ...lines] = formatTable(
    ['act', 'store', 'committed', 'delivered', ...damageKinds.map((kind) => damageWords[kind])],
    rows.map(({ act, name, store }) => [
      String(act),
      name,
      String(store.committed),
      String(store.delivered),
      ...damageKinds.map((kind) => String(store[kind])),
    ]),
  );
  return [
    style.dim(head),
    ...lines.map((line, index) => {
      const store: StoreReport | undefined = rows[index]?.store;
      return store !== undefined && hasDamage(store) ? style.red(line) : style.green(line);
    }),
  ];
}

/** One line for each kind of damage: what the primary and the store say about the same order. Pure. */
export function formatExamples(report: ActReport, style: TextStyle): readonly string[] {
  return pickExamples(report).map(
    ({ kind, orderId, primary, store, storeSays }) =>
      `${style.red(damageWords[kind].padEnd(12))}  order ${orderId}  primary: ${primary.padEnd(13)}  ${store}: ${storeSays}`,
  );
}

/** The difference between the two order services. Pure. */
export function formatCodeChange(changes: readonly ChangedLine[], style: TextStyle): readonly string[] {
  return changes.map(({ sign, text }) =>
    sign === '-' ? style.red(`- ${text.trim()}`) : style.green(`+ ${text.trim()}`),
  );
}

/** What the receiver's dropping by id has hidden, said aloud. Pure. */
export function formatRepetitions({ act, repetitions }: ActReport): readonly string[] {
  if (act === 1) return [];
  return [`events that came to the receiver again, and were dropped by their ids: ${repetitions}`];
}

/** What act 3 measured. Pure. */
export function formatOutage({ outage }: ActReport): readonly string[] {
  if (outage === undefined) return [];
  const { before, during } = outage.latency;
  return [
    `Act 3: stores gone for ${outage.seconds.toFixed(1)} s, caught up ${outage.caughtUpSeconds.toFixed(1)} s after they came back. Order service:`,
    `  before  ${before.requests} requests, median ${before.p50Ms} ms, 99 % within ${before.p99Ms} ms`,
    `  during  ${during.requests} requests, median ${during.p50Ms} ms, 99 % within ${during.p99Ms} ms`,
  ];
}

/** The last words: what was shown, and where to go on. Pure. */
export function formatEnding(report: DemoReport, style: TextStyle): readonly string[] {
  const kills = Object.entries(report.kills).map(([program, count]) => `${program} ${count}`);
  const verdict = report.ok
    ? style.green('Act 1 did damage, acts 2 and 3 did none.')
    : style.red('This run did not show what it should: damage in act 1, and none in acts 2 and 3.');
  return [
    style.bold(verdict),
    `SIGKILLs: ${kills.join(', ')}. Every number comes from asking the stores.`,
    `Again: headwater demo --seed ${report.seed}. For machines: add --assert --json.`,
    'Next: the 20 lines of the README for your own application, and what is promised',
    'at which boundary: headwater explain',
  ];
}
