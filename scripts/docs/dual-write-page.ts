import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { toPublishedImports } from '../packaging/published-imports.ts';

/** The order service of `examples/orders`, by the library that it uses. */
export const orderServices: readonly { readonly file: string; readonly title: string }[] = [
  { file: 'pg', title: 'pg' },
  { file: 'postgres-js', title: 'postgres.js' },
  { file: 'drizzle', title: 'Drizzle' },
  { file: 'kysely', title: 'Kysely' },
  { file: 'knex', title: 'Knex' },
  { file: 'typeorm', title: 'TypeORM' },
  { file: 'sequelize', title: 'Sequelize' },
  { file: 'mikro-orm', title: 'MikroORM' },
  { file: 'prisma', title: 'Prisma' },
];

/** What one line of a file is for another: kept, gone, or new. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Generated, so that what the page shows is what the tests run. */
export function formatDualWritePage(): string {
  const sections = orderServices.flatMap(({ file, title }) => {
    const { diff } = readOrderService(file);
    const lines = withContext(diff).map(({ sign, text }) => `${sign}${text}`.trimEnd());
    return [`### ${title}`, '', '```diff', ...lines, '```', ''];
  });
  return [...introduction, ...sections, ...end].join('\n');
}

/** How the service that publishes becomes the one that emits. */
export function readOrderService(file: string): { readonly diff: readonly DiffLine[] } {
  return { diff: diffLines(readLines(`${file}.naive`), readLines(file)) };
}

function readLines(name: string): readonly string[] {
  const text = readFileSync(join('examples', 'orders', `${name}.ts`), 'utf8');
  return toPublishedImports(text, 'headwater').trimEnd().split('\n');
}

/** By the longest common subsequence. */
export function diffLines(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  const lengths = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const lengthAt = (left: number, right: number): number => lengths[left]?.[right] ?? 0;
  for (let left = before.length - 1; left >= 0; left -= 1) {
    for (let right = after.length - 1; right >= 0; right -= 1) {
      const longest =
        before[left] === after[right]
          ? lengthAt(left + 1, right + 1) + 1
          : Math.max(lengthAt(left + 1, right), lengthAt(left, right + 1));
      lengths[left]?.splice(right, 1, longest);
    }
  }
  const lines: DiffLine[] = [];
  let [left, right] = [0, 0];
  while (left < before.length || right < after.length) {
    const [old, text] = [before[left], after[right]];
    if (old !== undefined && old === text) {
      lines.push({ sign: ' ', text: old });
      left += 1;
      right += 1;
    } else if (old !== undefined && (text === undefined || lengthAt(left + 1, right) >= lengthAt(left, right + 1))) {
      lines.push({ sign: '-', text: old });
      left += 1;
    } else {
      lines.push({ sign: '+', text: text ?? '' });
      right += 1;
    }
  }
  return lines;
}

/** Two lines around each change; the rest is left out. */
function withContext(diff: readonly DiffLine[]): readonly DiffLine[] {
  const isNear = (index: number): boolean =>
    diff.slice(Math.max(0, index - 2), index + 3).some(({ sign }) => sign !== ' ');
  return diff.flatMap((line, index): readonly DiffLine[] => {
    if (isNear(index)) return [line];
    return index > 0 && isNear(index - 1) ? [{ sign: ' ', text: ' …' }] : [];
  });
}

const introduction = [
  '# Replace your dual write',
  '',
  'A service takes an order: it lowers the stock, inserts the order, and tells everybody else. The usual code does the last of the three',
  'by a second write:',
  '',
  '```ts',
  'await db.transaction(async (tx) => {',
  '  await takeFromStock(tx, order);',
  '  await tx.insert(orders).values(order);',
  '});',
  "await publish('order.placed', order);",
  '```',
  '',
  'Between the two lies a moment in which the order exists and nobody will hear of it: the process is killed, the broker is away, the',
  'request times out. Publishing first, or inside the transaction, only turns it round: then there are events of orders that never were.',
  'No order of the two statements mends it, because they are two commits.',
  '',
  '`emit` writes the event into the transaction that is open already. There is one commit, and Headwater brings the event to the broker from',
  'the write-ahead log, as often as it takes.',
  '',
  '## The change',
  '',
  'Whole files are in `examples/orders`: `NAME.naive.ts` before, `NAME.ts` behind it. A test kills each service before and behind each of its',
  'statements, and finds order, event and stock together or not at all; the same test finds the event of the naive one missing.',
  '',
  '```ts',
  "import { z } from 'zod';",
  "import { defineEvents } from 'headwater/emit';",
  '',
  'export const Order = z.object({ id: z.string(), article: z.string(), quantity: z.int().positive() });',
  "export const events = defineEvents({ 'order.placed': Order });",
  '```',
  '',
];

const end = [
  '## And then',
  '',
  '- Run Headwater: [the first hour](../how-to/first-hour.md). Until its replication slot exists, events are written and not delivered.',
  '- The receivers get each event at least once: an inbox takes each once.',
  '- The client may ask twice: a key at the HTTP edge gives the second request the answer of the first.',
  '- What `emit` refuses, and what it costs: [Write an event in your own transaction](../how-to/emit.md).',
  '',
];
