import type { OutboundRecord } from '../../src/delivery/sink.ts';

/** A client alone: it writes what lies ready in memory, and a position with it where it can. */
export interface BareWriter extends AsyncDisposable {
  /**
   * Resolves when all of them are as durable as the sink makes them. Called with a thousand records, one call behind the other;
   * where single records go out (NATS, RabbitMQ, webhook), with all of them.
   */
  write(from: number, count: number): Promise<void>;
}

/** Lays the records out in memory and connects. */
export type OpenBareWriter = (target: string, records: readonly OutboundRecord[]) => Promise<BareWriter>;

/** The values of an INSERT as texts, in the order of the columns. */
export function rowTexts({ record }: OutboundRecord): readonly (string | null)[] {
  if (record.kind !== 'insert') throw new TypeError(`a ${record.kind} is no row of the workload`);
  return record.after.map((value) => (typeof value === 'string' ? value : null));
}

/** The names of its columns. */
export function columnNames({ record }: OutboundRecord): readonly string[] {
  if (record.kind !== 'insert') throw new TypeError(`a ${record.kind} is no row of the workload`);
  return record.table.columns.map(({ name }) => name);
}

/** The name of their table. */
export function tableName({ record }: OutboundRecord): string {
  if (record.kind !== 'insert') throw new TypeError(`a ${record.kind} is no row of the workload`);
  return `${record.table.schemaName}.${record.table.tableName}`;
}

/** Works off `count` numbers from `from` on, so many at once. */
export async function inParallel(
  range: { readonly from: number; readonly count: number; readonly limit: number },
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = range.from;
  const end = range.from + range.count;
  const runOne = async (): Promise<void> => {
    while (next < end) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: range.limit }, runOne));
}
