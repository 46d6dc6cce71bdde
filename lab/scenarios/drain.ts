import { Client } from 'pg';

import { parseLsn } from '../../src/model/lsn.ts';
import type { StatusReport } from '../../src/service/status-report.ts';

/** Lends a connection for the time of some work. */
export async function withClient<Value>(url: string, use: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Behind everything that is committed now. */
export async function readEndLsn(url: string): Promise<bigint> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    return parseLsn(rows[0]?.lsn ?? '');
  });
}

/** Whether the journal holds everything up to a location, and every lane has acknowledged or parked all of it. */
export function isDrained({ journal, lanes, source }: StatusReport, endLsn: bigint): boolean {
  const hasAll = source.durableLsn !== null && parseLsn(source.durableLsn) >= endLsn;
  return hasAll && lanes.every(({ complete, sequence }) => complete && sequence === journal.lastSequence);
}
